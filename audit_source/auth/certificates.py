"""The certificate and the private key that sign in: read from PEM, paired, and used to sign.

A file may hold more: a chain in any order, the key, bag attributes, other text. Only the certificate that matches the
private key leaves the machine, and never a key.
"""

import os
import re
import stat
from collections.abc import Iterator
from datetime import datetime, timezone
from typing import NamedTuple

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from dlt.common import logger

from ..errors import ConfigurationError
from .key_formats import foreign_format

_BLOCK = re.compile(rb"-----BEGIN ([A-Z0-9 ]+)-----(.*?)-----END \1-----", re.DOTALL)
_RENEW = "Register a new one with Anaplan, then set `certificate` and `private_key`."


class KeyPair(NamedTuple):
    """An RSA key and the one certificate that belongs to it."""

    certificate: x509.Certificate
    key: RSAPrivateKey

    @property
    def pem(self) -> bytes:
        """The certificate alone, as PEM."""
        return self.certificate.public_bytes(serialization.Encoding.PEM)

    @property
    def der(self) -> bytes:
        """The certificate alone, as DER."""
        return self.certificate.public_bytes(serialization.Encoding.DER)

    @property
    def end(self) -> datetime:
        """The moment (UTC) at which the certificate expires."""
        return self.certificate.not_valid_after_utc

    def check_end(self, now: datetime) -> None:
        """Refuse an expired certificate before anything is sent.

        Raises:
            ConfigurationError: The certificate ended before `now`.
        """
        if self.end <= now:
            raise ConfigurationError(
                "`certificate`",
                f"it expired on {self.end:%Y-%m-%d}, and this machine's clock says {now:%Y-%m-%d}",
                f"Check with `openssl x509 -noout -dates -in certificate.pem`. {_RENEW}",
            )


def load_key_pair(certificate: str, private_key: str, password: str | None) -> KeyPair:
    """Return the private key and the certificate that belongs to it; both are paths or PEM text.

    If several certificates belong to the key, use the one that ends last.

    Raises:
        ConfigurationError: A file cannot be read or is not PEM, the password is missing or wrong, the key is not an
            RSA key, or no certificate belongs to the key.
    """
    certificates = list(_certificates(_read("certificate", certificate)))
    key = _private_key(_read("private_key", private_key), password)
    public = key.public_key().public_numbers()
    matching = [one for one in certificates if _public_numbers(one) == public]
    if not matching:
        count = len(certificates)
        raise ConfigurationError(
            "`certificate`",
            f"the private key belongs to another certificate than the {'one' if count == 1 else count} given",
            "Compare `openssl x509 -noout -pubkey -in certificate.pem` and `openssl pkey -pubout -in private_key.pem`.",
        )
    return KeyPair(max(matching, key=lambda one: one.not_valid_after_utc), key)


def certificate_end(certificate: str, private_key: str, password: str | None) -> datetime:
    """Return when the certificate that would be sent expires.

    A monitor may not be allowed to read the key. Then use the certificate that signed none of the others.

    Raises:
        ConfigurationError: The certificate cannot be read, or does not belong to a key that can.
    """
    certificates = list(_certificates(_read("certificate", certificate)))
    try:
        _read("private_key", private_key)
    except ConfigurationError:
        issuers = {one.issuer for one in certificates if one.issuer != one.subject}
        leaves = [one for one in certificates if one.subject not in issuers] or certificates
        return max(one.not_valid_after_utc for one in leaves)
    return load_key_pair(certificate, private_key, password).end


def sign(key: RSAPrivateKey, data: bytes) -> bytes:
    """Return the signature that Anaplan expects: RSA, PKCS#1 v1.5, SHA-512."""
    return key.sign(data, padding.PKCS1v15(), hashes.SHA512())


def now_utc() -> datetime:
    """Return the time by this machine's clock."""
    return datetime.now(timezone.utc)


def _certificates(content: bytes) -> Iterator[x509.Certificate]:
    found = broken = False
    for label, block in _blocks(content):
        if label in (b"CERTIFICATE", b"X509 CERTIFICATE"):
            found = True
            try:
                yield x509.load_pem_x509_certificate(block)
            except ValueError:
                broken = True
    if not found or broken:
        reason, hint = (
            foreign_format("certificate", content) if not found else ("a PEM block is damaged", "Copy it again.")
        )
        raise ConfigurationError("`certificate`", reason, hint)


def _private_key(content: bytes, password: str | None) -> RSAPrivateKey:
    blocks = [(label, block) for label, block in _blocks(content) if label.endswith(b"PRIVATE KEY")]
    if not blocks:
        raise ConfigurationError("`private_key`", *foreign_format("private_key", content))
    block = blocks[0][1]
    try:
        key = serialization.load_pem_private_key(block, password.encode() if password else None)
    except TypeError:
        reason = "the key is not encrypted, but a password is set" if password else "the key is encrypted"
        hint = "Remove `private_key_password`." if password else "Set `private_key_password`."
        raise ConfigurationError("`private_key`", reason, hint) from None
    except (ValueError, UnsupportedAlgorithm):
        if b"ENCRYPTED" in block and password:
            raise ConfigurationError(
                "`private_key`", "its password is wrong", "Check `private_key_password`."
            ) from None
        raise ConfigurationError("`private_key`", *foreign_format("private_key", block)) from None
    if not isinstance(key, RSAPrivateKey):
        raise ConfigurationError(
            "`private_key`",
            "it is not an RSA key, and Anaplan accepts RSA only",
            "Make one with `openssl req -new -newkey rsa:4096 -keyout private_key.pem -out request.csr`.",
        )
    return key


def _public_numbers(certificate: x509.Certificate) -> object:
    try:
        key = certificate.public_key()
    except (ValueError, UnsupportedAlgorithm):
        return None
    return key.public_numbers() if hasattr(key, "public_numbers") else None


def _blocks(content: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yield label and text of each PEM block, without the text around it and the indentation within it."""
    for found in _BLOCK.finditer(content):
        lines = [line.strip() for line in found.group(0).splitlines()]
        yield found.group(1), b"\n".join(lines) + b"\n"


def _read(name: str, source: str) -> bytes:
    if "-----BEGIN" in source:
        # Environment variables and TOML strings often hold line breaks as the two characters `\n`.
        return source.replace("\\r", "").replace("\\n", "\n").encode()
    path = os.path.expanduser(source)
    try:
        with open(path, "rb") as file:
            content = file.read()
            mode = os.fstat(file.fileno()).st_mode
    except (OSError, ValueError) as error:
        reason = (error.strerror if isinstance(error, OSError) else None) or "it is not a path"
        raise ConfigurationError(f"`{name}`", f"the file cannot be read ({reason})", "Check path and rights.") from None
    if name == "private_key" and mode & (stat.S_IRGRP | stat.S_IROTH) and os.name == "posix":
        logger.warning(f"Others can read the private key `{path}`. Run `chmod 600` on it.")
    return content
