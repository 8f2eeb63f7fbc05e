"""Names the format of a file that is not a PEM certificate or key, and the openssl command that converts it."""

from cryptography.hazmat.primitives import serialization

# DER: SEQUENCE, then the first field. A PKCS#12 file begins with version 3, keys with version 0 or 1.
_SEQUENCE, _INTEGER = 0x30, 0x02
_PKCS12_VERSION = 3

_CONVERT = {
    "certificate": {
        "PKCS#12": "openssl pkcs12 -in FILE -clcerts -nokeys -out certificate.pem",
        "DER": "openssl x509 -inform der -in FILE -out certificate.pem",
        "PKCS#7": "openssl pkcs7 -print_certs -in FILE -out certificate.pem",
    },
    "private_key": {
        "PKCS#12": "openssl pkcs12 -in FILE -nocerts -out private_key.pem",
        "DER": "openssl pkey -inform der -in FILE -out private_key.pem",
    },
}


def foreign_format(name: str, content: bytes) -> tuple[str, str]:
    """Return what a file holds instead of a PEM `certificate` or `private_key`, and what to do about it."""
    kind = _kind(name, content)
    command = _CONVERT[name].get(kind)
    if command:
        return f"the file is {kind}, not PEM", f"Convert it with `{command}`."
    if name == "private_key" and _is_mislabelled(content):
        reason = "the header says RSA PRIVATE KEY (PKCS#1), the body is PKCS#8"
        return (
            reason,
            "Write `PRIVATE KEY` in both header lines, then check it with `openssl pkey -noout -in private_key.pem`.",
        )
    what = "certificate" if name == "certificate" else "private key"
    check = "openssl x509 -noout -in FILE" if name == "certificate" else "openssl pkey -noout -in FILE"
    return f"it holds no PEM {what}", f"Give the path of a PEM file, or its text. `{check}` shows whether it is one."


def _kind(name: str, content: bytes) -> str:
    if b"-----BEGIN PKCS7-----" in content:
        return "PKCS#7"
    body = _sequence_body(content)
    if body is None:
        return ""
    if len(body) > 2 and body[0] == _INTEGER and body[1] == 1 and body[2] == _PKCS12_VERSION:
        return "PKCS#12"
    return "DER"


def _sequence_body(content: bytes) -> bytes | None:
    """Return the first bytes inside an outer DER sequence, or None if there is none."""
    if len(content) < 4 or content[0] != _SEQUENCE:
        return None
    length_bytes = content[1] & 0x7F if content[1] & 0x80 else 0
    return content[2 + length_bytes : 8 + length_bytes] if length_bytes <= 4 else None


def _is_mislabelled(pem: bytes) -> bool:
    if b"-----BEGIN RSA PRIVATE KEY-----" not in pem:
        return False
    try:
        serialization.load_pem_private_key(pem.replace(b"RSA PRIVATE KEY", b"PRIVATE KEY"), None)
    except (ValueError, TypeError):
        return False
    return True
