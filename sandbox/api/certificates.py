"""Sign-in certificates: created for the demo and the tests, verified by the sandbox.

`python -m sandbox.api.certificates FOLDER` writes `certificate.pem` and `private_key.pem`.
"""

from __future__ import annotations

import argparse
import os
import sys
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.x509.oid import NameOID

from .tokens import AUDITOR

# Earlier and later than any clock that a test sets.
VALID = (datetime(2015, 1, 1, tzinfo=timezone.utc), datetime(2049, 1, 1, tzinfo=timezone.utc))


@dataclass(frozen=True)
class KeyPair:
    certificate: str
    private_key: str

    def write(self, folder: Path) -> tuple[Path, Path]:
        """Write both as PEM; only the owner can read the key."""
        folder.mkdir(parents=True, exist_ok=True)
        certificate, key = folder / "certificate.pem", folder / "private_key.pem"
        certificate.write_text(self.certificate)
        key.touch(mode=0o600)
        os.chmod(key, 0o600)
        key.write_text(self.private_key)
        return certificate, key


def make_key_pair(
    email: str = AUDITOR,
    passphrase: str | None = None,
    valid: tuple[datetime, datetime] = VALID,
    bits: int = 2048,
) -> KeyPair:
    """Create an RSA key with a self-signed certificate whose subject is the account."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=bits)
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, email)])
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(valid[0])
        .not_valid_after(valid[1])
    )
    certificate = builder.sign(key, hashes.SHA256())
    lock: serialization.KeySerializationEncryption = serialization.NoEncryption()
    if passphrase:
        lock = serialization.BestAvailableEncryption(passphrase.encode())
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, lock)
    return KeyPair(certificate.public_bytes(serialization.Encoding.PEM).decode(), pem.decode())


def fingerprint(pem: bytes) -> bytes:
    """Return the SHA-256 of a PEM certificate. Raises ValueError for any other text."""
    return x509.load_pem_x509_certificate(pem).fingerprint(hashes.SHA256())


def account_of(pem: bytes) -> str:
    """Return the common name of the subject."""
    subject = x509.load_pem_x509_certificate(pem).subject
    found = subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    return str(found[0].value) if found else ""


def shown_certificate(content: bytes) -> bytes:
    """Return one certificate, sent as PEM or DER, as PEM. Raises ValueError for anything else."""
    if content.lstrip().startswith(b"-----BEGIN"):
        if content.count(b"-----BEGIN") != 1:
            raise ValueError("more than one PEM block")
        certificate = x509.load_pem_x509_certificate(content)
    else:
        certificate = x509.load_der_x509_certificate(content)
    return certificate.public_bytes(serialization.Encoding.PEM)


def stamp_ms(data: bytes) -> int:
    """Return the time stamp (ms) of signed v2 data, which begins with 8 big-endian bytes of epoch seconds."""
    return int.from_bytes(data[:8], "big") * 1000


def verify(pem: bytes, data: bytes, signature: bytes, now_ms: int) -> bool:
    """Return whether the certificate is valid now and its key signed the data."""
    certificate = x509.load_pem_x509_certificate(pem)
    key = certificate.public_key()
    now = datetime.fromtimestamp(now_ms / 1000, tz=timezone.utc)
    if not isinstance(key, rsa.RSAPublicKey):
        return False
    if not certificate.not_valid_before_utc <= now <= certificate.not_valid_after_utc:
        return False
    try:
        key.verify(signature, data, padding.PKCS1v15(), hashes.SHA512())
    except InvalidSignature:
        return False
    return True


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m sandbox.api.certificates", description="Makes a key pair.")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--email", default=AUDITOR, help="account that the certificate is for")
    parser.add_argument("--passphrase", help="encrypts the private key")
    options = parser.parse_args()
    for path in make_key_pair(options.email, options.passphrase).write(options.folder):
        sys.stdout.write(f"{path}\n")


if __name__ == "__main__":
    main()
