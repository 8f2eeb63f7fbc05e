"""Receivers of forwarded events on real sockets: syslog over TLS and HTTP, with faults."""

import ipaddress
import socket
import ssl
import struct
import threading
from datetime import datetime, timezone
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

VALID = (datetime(2015, 1, 1, tzinfo=timezone.utc), datetime(2049, 1, 1, tzinfo=timezone.utc))


def write_certificate(folder: Path) -> tuple[Path, Path]:
    """Write a certificate for this machine, which is its own authority, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "receiver")])
    names = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    built = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number(), *VALID)
    signed = built.add_extension(names, False).add_extension(x509.BasicConstraints(True, None), True)
    certificate, private_key = folder / "receiver.pem", folder / "receiver_key.pem"
    certificate.write_bytes(signed.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM))
    private_key.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return certificate, private_key


def _context(files: tuple[Path, Path]) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*files)
    return context


class SyslogReceiver:
    """Keeps the messages of each connection. It resets the first `resets` connections after `reset_after` bytes."""

    def __init__(self, files: tuple[Path, Path], resets: int = 0, reset_after: int = 1) -> None:
        self.messages: list[bytes] = []
        self.connections = 0
        self._resets, self._reset_after = resets, reset_after
        self._context = _context(files)
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port = self._socket.getsockname()[1]

    def __enter__(self) -> "SyslogReceiver":
        threading.Thread(target=self._serve, daemon=True).start()
        return self

    def __exit__(self, *_: Any) -> None:
        self._socket.close()

    def _serve(self) -> None:
        while True:
            try:
                plain, _ = self._socket.accept()
            except OSError:
                return
            self.connections += 1
            try:
                with self._context.wrap_socket(plain, server_side=True) as connection:
                    self._read(connection)
            except OSError:
                continue

    def _read(self, connection: ssl.SSLSocket) -> None:
        data = b""
        while chunk := connection.recv(65_536):
            data += chunk
            if self.connections <= self._resets and len(data) >= self._reset_after:
                # Without lingering, closing sends a reset.
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                connection.close()
                return
        while data:
            length, _, rest = data.partition(b" ")
            self.messages.append(rest[: int(length)])
            data = rest[int(length) :]


class HttpReceiver:
    """Answers each request with the next of `statuses`, then with 200. Keeps what it accepted."""

    def __init__(self, files: tuple[Path, Path] | None = None) -> None:
        self.statuses: list[int] = []
        self.retry_after = ""
        self.bodies: list[bytes] = []
        self.requests: list[tuple[str, dict[str, str]]] = []
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"receiver": self}))
        if files:
            self._server.socket = _context(files).wrap_socket(self._server.socket, server_side=True)
        self.url = f"http{'s' if files else ''}://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> "HttpReceiver":
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        return self

    def __exit__(self, *_: Any) -> None:
        self._server.shutdown()
        self._server.server_close()


class _Handler(BaseHTTPRequestHandler):
    receiver: HttpReceiver

    def log_message(self, *_: Any) -> None:
        pass

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.receiver.requests.append((self.path, dict(self.headers)))
        status = self.receiver.statuses.pop(0) if self.receiver.statuses else 200
        if status == 200:
            self.receiver.bodies.append(body)
        self.send_response(status)
        if self.receiver.retry_after:
            self.send_header("Retry-After", self.receiver.retry_after)
        self.send_header("Location", f"{self.receiver.url}/elsewhere")
        self.send_header("Content-Length", "0")
        self.end_headers()
