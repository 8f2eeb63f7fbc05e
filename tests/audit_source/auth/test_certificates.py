"""Certificate sign-in against a server that checks every byte: timestamp, signature and the certificate that is sent."""

import base64
import json
import os
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta, timezone
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.serialization import pkcs12
from cryptography.x509.oid import NameOID

from audit_source.auth.certificate_auth import CertificateAuth
from audit_source.auth.certificates import load_key_pair
from audit_source.auth.credentials import CertificateCredentials
from audit_source.client import Client
from audit_source.errors import AuditSourceError, ConfigurationError, SignInError

PEM, PKCS8, PKCS1 = (
    serialization.Encoding.PEM,
    serialization.PrivateFormat.PKCS8,
    serialization.PrivateFormat.TraditionalOpenSSL,
)
PLAIN = serialization.NoEncryption()
NOW = datetime.now(timezone.utc)


def make_key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def make_certificate(key: Any, end: datetime = NOW + timedelta(days=90), name: str = "auditor") -> x509.Certificate:
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(NOW - timedelta(days=900))
        .not_valid_after(end)
        .sign(key, hashes.SHA256())
    )


KEY, OTHER_KEY = make_key(), make_key()
CERTIFICATE, OTHER = make_certificate(KEY), make_certificate(OTHER_KEY, name="issuing authority")
KEY_PEM = KEY.private_bytes(PEM, PKCS8, PLAIN).decode()
CERTIFICATE_PEM, OTHER_PEM = CERTIFICATE.public_bytes(PEM).decode(), OTHER.public_bytes(PEM).decode()
BAG = "Bag Attributes\n    friendlyName: auditor\n    localKeyID: 01 02\nKey Attributes: <No Attributes>\n"


class AuthServer:
    """`POST /token/authenticate` as Anaplan announces it. `takes` lists the accepted forms."""

    def __init__(self, takes: tuple[str, ...] = ("v2",), der: bool = False, clock: float = 0.0) -> None:
        self.takes, self.der, self.clock = takes, der, clock
        self.unknown_field, self.refusal = 400, 401
        self.headers: list[bytes] = []
        self.bodies: list[dict[str, str]] = []
        handler = type("Handler", (_Handler,), {"service": self})
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def answer(self, shown: bytes, body: dict[str, str]) -> int:
        version = body.get("encodedDataFormat", "v1")
        if version not in self.takes:
            return self.unknown_field
        load = x509.load_der_x509_certificate if self.der else x509.load_pem_x509_certificate
        try:
            certificate = load(shown)
        except ValueError:
            return self.refusal
        data = base64.b64decode(body["encodedData"])
        certificate.public_key().verify(  # type: ignore[union-attr, call-arg]
            base64.b64decode(body["encodedSignedData"]), data, padding.PKCS1v15(), hashes.SHA512()
        )
        stamp = int.from_bytes(data[:8], "big")
        if version == "v2" and (len(data) != 100 or abs(stamp - time.time() - self.clock) > 60):
            return self.refusal
        return 201


class _Handler(BaseHTTPRequestHandler):
    service: AuthServer
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: Any) -> None:
        pass

    def date_time_string(self, timestamp: float | None = None) -> str:
        return formatdate(time.time() + self.service.clock, usegmt=True)

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        scheme, _, value = self.headers["Authorization"].partition(" ")
        assert scheme == "CACertificate"
        shown = base64.b64decode(value, validate=True)
        self.service.headers.append(shown)
        self.service.bodies.append(body)
        status = self.service.answer(shown, body)
        token = {"tokenInfo": {"tokenValue": "token", "refreshToken": "unknown field"}}
        content = json.dumps(token if status == 201 else {"status": "FAILURE"}).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)


@pytest.fixture
def serve() -> Iterator[Callable[..., AuthServer]]:
    opened: list[AuthServer] = []

    def start(**more: Any) -> AuthServer:
        opened.append(AuthServer(**more))
        return opened[-1]

    yield start
    for server in opened:
        server.close()


def sign_in(
    server: AuthServer, certificate: str = CERTIFICATE_PEM, key: str = KEY_PEM, password: str | None = None
) -> str:
    credentials = CertificateCredentials()
    credentials.certificate, credentials.private_key = certificate, key
    credentials.private_key_password = password
    return CertificateAuth(Client(1, 1000, 300), server.url, credentials).token()


def forms(server: AuthServer) -> list[str]:
    return [body.get("encodedDataFormat", "v1") for body in server.bodies]


def test_announced_form_is_tried_first_with_a_new_timestamp_each_time(serve: Any) -> None:
    server = serve()
    credentials = CertificateCredentials()
    credentials.certificate, credentials.private_key = CERTIFICATE_PEM, KEY_PEM
    auth = CertificateAuth(Client(1, 1000, 300), server.url, credentials)
    refused = auth.token()
    auth.renew(refused)
    assert forms(server) == ["v2", "v2"]
    assert server.bodies[0]["encodedData"] != server.bodies[1]["encodedData"]
    assert set(server.bodies[0]) == {"encodedData", "encodedSignedData", "encodedDataFormat"}
    assert server.headers == [CERTIFICATE_PEM.encode()] * 2


def test_older_server_gets_only_the_older_form_after_one_refusal(serve: Any) -> None:
    server = serve(takes=("v1",))
    assert sign_in(server) == "token"
    assert forms(server) == ["v2", "v1"]


def test_rejected_credentials_are_not_retried_in_the_older_form(serve: Any) -> None:
    server = serve(takes=("v1",))
    server.unknown_field = 401
    with pytest.raises(SignInError, match=r"HTTP 401 FAILURE. .*IP allow list"):
        sign_in(server)
    assert set(forms(server)) == {"v2"}


def test_server_that_requires_der_gets_it(serve: Any) -> None:
    server = serve(der=True)
    assert sign_in(server) == "token"
    assert server.headers[-1] == CERTIFICATE.public_bytes(serialization.Encoding.DER)


@pytest.mark.parametrize("hours", [-3, 30 * 24])
def test_timestamp_follows_the_servers_clock(serve: Any, hours: int) -> None:
    server = serve(clock=hours * 3600.0)
    assert sign_in(server) == "token"
    assert forms(server) == ["v2", "v2"]


def test_rejected_timestamp_error_names_the_clock(serve: Any) -> None:
    server = serve(clock=-7200.0)
    server.answer = lambda *_: 401  # type: ignore[method-assign]
    with pytest.raises(SignInError, match=r"clock is 2.0 hours ahead of Anaplan's. Set the clock"):
        sign_in(server)


HOLDINGS = {
    "chain, right one first": CERTIFICATE_PEM + OTHER_PEM,
    "chain, right one last": OTHER_PEM + CERTIFICATE_PEM,
    "the key too": CERTIFICATE_PEM + KEY_PEM,
    "key first": KEY_PEM + CERTIFICATE_PEM,
    "bag attributes": BAG + CERTIFICATE_PEM + BAG + OTHER_PEM + BAG + KEY_PEM,
    "CRLF": (OTHER_PEM + CERTIFICATE_PEM).replace("\n", "\r\n"),
    "literal line breaks": (OTHER_PEM + CERTIFICATE_PEM).replace("\n", "\\n"),
    "text around, indented": "from ops:\n" + CERTIFICATE_PEM.replace("\n", "\n   ") + "\nregards",
}


@pytest.mark.parametrize("in_file", [False, True], ids=["text", "file"])
@pytest.mark.parametrize("holding", HOLDINGS.values(), ids=HOLDINGS)
def test_only_the_certificate_that_matches_the_key_is_sent(
    serve: Any, tmp_path: Path, holding: str, in_file: bool
) -> None:
    server = serve()
    key = BAG + KEY_PEM
    if in_file:
        if "\\n" in holding:
            holding = holding.replace("\\n", "\n")
        for name, text in (("certificate", holding), ("key", key)):
            path = tmp_path / name
            path.touch(0o600)
            path.write_bytes(text.encode())
        holding, key = str(tmp_path / "certificate"), str(tmp_path / "key")
    assert sign_in(server, holding, key) == "token"
    assert server.headers == [CERTIFICATE_PEM.encode()]


def test_newest_of_two_matching_certificates_is_sent(serve: Any) -> None:
    server = serve()
    renewed = make_certificate(KEY, NOW + timedelta(days=700))
    assert sign_in(server, CERTIFICATE_PEM + renewed.public_bytes(PEM).decode()) == "token"
    assert server.headers == [renewed.public_bytes(PEM)]


def expect_refusal(serve: Any, words: str, *given: Any) -> None:
    """Check that nothing is sent, and that the error contains the words."""
    server = serve()
    with pytest.raises(ConfigurationError, match=words):
        sign_in(server, *given)
    assert server.headers == []


def test_mismatched_key_is_rejected_before_any_request(serve: Any) -> None:
    expect_refusal(serve, "the private key belongs to another certificate", OTHER_PEM)


def test_expired_certificate_is_rejected_before_any_request(serve: Any) -> None:
    expired = make_certificate(KEY, NOW - timedelta(days=1)).public_bytes(PEM).decode()
    expect_refusal(serve, "it expired on .*openssl x509 -noout -dates", expired)


def test_other_file_formats_are_rejected_with_the_conversion_command(serve: Any, tmp_path: Path) -> None:
    bundle = pkcs12.serialize_key_and_certificates(
        b"x", KEY, CERTIFICATE, None, serialization.BestAvailableEncryption(b"p")
    )
    der = serialization.Encoding.DER
    files = {
        "both.p12": bundle,
        "certificate.der": CERTIFICATE.public_bytes(der),
        "key.der": KEY.private_bytes(der, PKCS8, PLAIN),
        "key1.der": KEY.private_bytes(der, PKCS1, PLAIN),
    }
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)
        (tmp_path / name).chmod(0o600)
    expect_refusal(serve, "PKCS#12, not PEM. .*pkcs12 -in FILE -clcerts -nokeys", str(tmp_path / "both.p12"))
    expect_refusal(serve, "DER, not PEM. .*x509 -inform der", str(tmp_path / "certificate.der"))
    for name in ("key.der", "key1.der"):
        expect_refusal(serve, "DER, not PEM. .*pkey -inform der", CERTIFICATE_PEM, str(tmp_path / name))
    expect_refusal(serve, "PKCS#12, not PEM. .*pkcs12 -in FILE -nocerts", CERTIFICATE_PEM, str(tmp_path / "both.p12"))


def test_unusable_key_errors_say_what_to_do(serve: Any) -> None:
    curve = ec.generate_private_key(ec.SECP256R1())
    expect_refusal(
        serve,
        "not an RSA key.*openssl req -new -newkey rsa",
        make_certificate(curve).public_bytes(PEM).decode(),
        curve.private_bytes(PEM, PKCS8, PLAIN).decode(),
    )
    mislabelled = KEY_PEM.replace("PRIVATE KEY", "RSA PRIVATE KEY")
    expect_refusal(serve, r"PKCS#1\), the body is PKCS#8.*openssl pkey", CERTIFICATE_PEM, mislabelled)
    expect_refusal(serve, "holds no PEM private key", CERTIFICATE_PEM, CERTIFICATE_PEM)
    locked = KEY.private_bytes(PEM, PKCS8, serialization.BestAvailableEncryption(b"right")).decode()
    expect_refusal(serve, "Set `private_key_password`", CERTIFICATE_PEM, locked)
    expect_refusal(serve, "its password is wrong", CERTIFICATE_PEM, locked, "wrong")


def test_key_pair_returns_the_expiry_of_its_own_certificate() -> None:
    soon = make_certificate(OTHER_KEY, NOW + timedelta(days=1)).public_bytes(PEM).decode()
    assert load_key_pair(soon + CERTIFICATE_PEM, KEY_PEM, None).end == CERTIFICATE.not_valid_after_utc


def test_openssl_commands_in_errors_work(tmp_path: Path) -> None:
    (tmp_path / "FILE").write_bytes(CERTIFICATE.public_bytes(serialization.Encoding.DER))
    with pytest.raises(AuditSourceError) as refused:
        load_key_pair(str(tmp_path / "FILE"), KEY_PEM, None)
    command = str(refused.value).split("`")[-2].split()
    subprocess.run(command, cwd=tmp_path, check=True, env={**os.environ, "OPENSSL_CONF": "/dev/null"})
    assert load_key_pair(str(tmp_path / "certificate.pem"), KEY_PEM, None).pem == CERTIFICATE_PEM.encode()
