"""Certificates and private keys: given as a path or as PEM text, used to sign."""

import os
import stat
from datetime import datetime

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from dlt.common import logger

from .errors import ConfigurationError


def load_certificate(source: str) -> bytes:
    """Returns the PEM bytes of a certificate.

    Raises:
        ConfigurationError: The file cannot be read, or it holds no certificate.
    """
    pem = _read("certificate", source)
    try:
        x509.load_pem_x509_certificate(pem)
    except ValueError:
        raise ConfigurationError(
            "`certificate`", "this is no PEM certificate", "Give the path of a PEM file, or its text."
        )
    return pem


def certificate_end(pem: bytes) -> datetime:
    """Returns the moment (UTC) after which a certificate is good no more."""
    return x509.load_pem_x509_certificate(pem).not_valid_after_utc


def load_private_key(source: str, password: str | None) -> RSAPrivateKey:
    """Returns the private key, decrypted with `password` where it is encrypted.

    Raises:
        ConfigurationError: The file cannot be read, holds no RSA key, or the password is missing or wrong.
    """
    pem = _read("private_key", source)
    try:
        key = serialization.load_pem_private_key(pem, password.encode() if password else None)
    except TypeError:
        got = "the key is not encrypted, but a password is set" if password else "the key is encrypted"
        advice = "Remove `private_key_password`." if password else "Set `private_key_password`."
        raise ConfigurationError("`private_key`", got, advice)
    except ValueError:
        if password and b"ENCRYPTED" in pem:
            raise ConfigurationError("`private_key`", "its password is wrong", "Check `private_key_password`.")
        raise ConfigurationError("`private_key`", "this is no PEM key", "Give the path of a PEM file, or its text.")
    if not isinstance(key, RSAPrivateKey):
        raise ConfigurationError("`private_key`", "this is no RSA key", "Anaplan takes RSA keys only.")
    return key


def sign(key: RSAPrivateKey, data: bytes) -> bytes:
    """Returns the signature that Anaplan expects: RSA, PKCS#1 v1.5, SHA-512."""
    return key.sign(data, padding.PKCS1v15(), hashes.SHA512())


def _read(name: str, source: str) -> bytes:
    if "-----BEGIN" in source:
        # An environment variable or a TOML string often carries the line breaks as the two characters `\n`.
        return source.replace("\\n", "\n").strip().encode() + b"\n"
    path = os.path.expanduser(source)
    try:
        with open(path, "rb") as file:
            content = file.read()
            mode = os.fstat(file.fileno()).st_mode
    except OSError as error:
        raise ConfigurationError(f"`{name}`", f"the file cannot be read ({error.strerror})", "Check path and rights.")
    if name == "private_key" and mode & (stat.S_IRGRP | stat.S_IROTH) and os.name == "posix":
        logger.warning(f"Others can read the private key `{path}`. Run `chmod 600` on it.")
    return content
