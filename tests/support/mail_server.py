"""A mail server with TLS, by STARTTLS or from the first byte, that records what it is sent."""

import base64
import ipaddress
import socket
import ssl
import threading
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID


def write_certificate(folder: Path) -> Path:
    """Write a key with a self-signed certificate of 127.0.0.1 into one file."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(timezone.utc)
    address = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    builder = builder.serial_number(1).not_valid_before(now - timedelta(1)).not_valid_after(now + timedelta(1))
    certificate = builder.add_extension(address, False).sign(key, hashes.SHA256())
    path = folder / "mail.pem"
    plain = serialization.NoEncryption()
    private = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain)
    path.write_bytes(private + certificate.public_bytes(serialization.Encoding.PEM))
    return path


class MailServer:
    """Accepts one message a connection. `offers_tls` is whether it offers STARTTLS; `refuses` is an SMTP code."""

    def __init__(self, certificate: Path, *, tls_first: bool = False, offers_tls: bool = True) -> None:
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(certificate)
        self._tls_first, self._offers_tls = tls_first, offers_tls
        self.refuses: int | None = None
        self.messages: list[str] = []
        self.commands: list[tuple[bool, str]] = []
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._socket.getsockname()[1])

    def __enter__(self) -> "MailServer":
        threading.Thread(target=self._serve, daemon=True).start()
        return self

    def __exit__(self, *_: Any) -> None:
        self._socket.close()

    @property
    def passwords(self) -> list[str]:
        plain = [command.split()[-1] for _, command in self.commands if command.startswith("AUTH PLAIN")]
        return [base64.b64decode(one).decode().split("\0")[-1] for one in plain]

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            try:
                self._talk(connection)
            except OSError:
                connection.close()

    def _talk(self, connection: socket.socket) -> None:
        is_encrypted = self._tls_first
        if is_encrypted:
            connection = self._context.wrap_socket(connection, server_side=True)
        connection.sendall(b"220 ready\r\n")
        lines = connection.makefile("rb")
        try:
            self._answer(connection, lines, is_encrypted)
        finally:
            lines.close()
            connection.close()

    def _answer(self, connection: socket.socket, lines: Any, is_encrypted: bool) -> None:
        while line := lines.readline().decode().strip():
            self.commands.append((is_encrypted, line))
            word = line.split()[0].upper()
            if word == "EHLO":
                offer = b"" if is_encrypted or not self._offers_tls else b"250-STARTTLS\r\n"
                connection.sendall(b"250-mail\r\n" + offer + b"250 AUTH PLAIN\r\n")
            elif word == "STARTTLS":
                connection.sendall(b"220 go\r\n")
                with (
                    self._context.wrap_socket(connection, server_side=True) as encrypted,
                    encrypted.makefile("rb") as more,
                ):
                    return self._answer(encrypted, more, True)
            elif word == "AUTH":
                connection.sendall(b"235 ok\r\n")
            elif word == "MAIL" and self.refuses:
                connection.sendall(f"{self.refuses} no\r\n".encode())
            elif word == "DATA":
                connection.sendall(b"354 go\r\n")
                self.messages.append(b"".join(iter(lines.readline, b".\r\n")).decode())
                connection.sendall(b"250 ok\r\n")
            elif word == "QUIT":
                connection.sendall(b"221 bye\r\n")
                return None
            else:
                connection.sendall(b"250 ok\r\n")
        return None
