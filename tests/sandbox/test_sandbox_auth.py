import base64
import os
from datetime import datetime, timezone

import pytest
import requests
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding

from sandbox.api.certificates import KeyPair, make_key_pair
from sandbox.server import Sandbox
from tests.support.sandbox_client import EVENTS, NOW, Client


def sign_in(sandbox: Sandbox, header: str, body: dict[str, str] | None = None) -> requests.Response:
    return requests.post(f"{sandbox.url}/token/authenticate", headers={"Authorization": header}, json=body, timeout=10)


def basic(text: str) -> str:
    return "Basic " + base64.b64encode(text.encode()).decode()


def by_certificate(
    sandbox: Sandbox,
    shown: KeyPair,
    signed_with: KeyPair,
    passphrase: bytes | None = None,
    stamp: int | None = None,
):
    """Sign in as v1, or as v2 with a time stamp (epoch seconds)."""
    key = serialization.load_pem_private_key(signed_with.private_key.encode(), passphrase)
    data = os.urandom(150) if stamp is None else stamp.to_bytes(8, "big") + os.urandom(92)
    body = {} if stamp is None else {"encodedDataFormat": "v2"}
    body |= {
        "encodedData": base64.b64encode(data).decode(),
        "encodedSignedData": base64.b64encode(key.sign(data, padding.PKCS1v15(), hashes.SHA512())).decode(),
    }
    return sign_in(sandbox, "CACertificate " + base64.b64encode(shown.certificate.encode()).decode(), body)


@pytest.fixture(scope="module")
def pair() -> KeyPair:
    return make_key_pair()


def test_password_gives_a_token_for_35_minutes(sandbox: Sandbox) -> None:
    answer = sign_in(sandbox, basic("auditor@example.com:sandbox"))
    body = answer.json()
    assert answer.status_code == 201
    assert (body["status"], body["statusMessage"]) == ("SUCCESS", "Login successful")
    assert body["meta"] == {"validationUrl": f"{sandbox.url}/token/validate"}
    assert set(body["tokenInfo"]) == {"expiresAt", "tokenId", "tokenValue", "refreshTokenId"}
    assert body["tokenInfo"]["expiresAt"] == NOW + 2_100_000


@pytest.mark.parametrize("login", ["auditor@example.com:wrong", "nobody@example.com:sandbox", "auditor@example.com:"])
def test_wrong_password_is_401(sandbox: Sandbox, login: str) -> None:
    answer = sign_in(sandbox, basic(login))
    assert (answer.status_code, answer.json()["status"]) == (401, "FAILURE_BAD_CREDENTIAL")


@pytest.mark.parametrize("header", ["", "Basic", "Basic not-base64!", basic("no colon"), "Token abc", "Basic /w=="])
def test_malformed_header_at_sign_in_is_401(sandbox: Sandbox, header: str) -> None:
    assert sign_in(sandbox, header).status_code == 401


@pytest.mark.parametrize("header", ["", "AnaplanAuthToken", "Bearer abc", "xyz"])
def test_malformed_header_at_refresh_and_validate_is_400(sandbox: Sandbox, header: str) -> None:
    for method, path in (("POST", "refresh"), ("GET", "validate")):
        answer = requests.request(method, f"{sandbox.url}/token/{path}", headers={"Authorization": header}, timeout=10)
        assert (answer.status_code, answer.json()["status"]) == (400, "FAILURE_BAD_HEADER")


@pytest.mark.parametrize("header", ["", "AnaplanAuthToken", "Bearer abc", "xyz"])
def test_malformed_header_at_logout_is_401(sandbox: Sandbox, header: str) -> None:
    answer = requests.post(f"{sandbox.url}/token/logout", headers={"Authorization": header}, timeout=10)
    assert (answer.status_code, answer.json()["status"]) == (401, "FAILURE_BAD_CREDENTIAL")


def test_validate_tells_the_user_and_no_token(client: Client) -> None:
    body = client.get("/token/validate").json()
    assert set(body["userInfo"]) == {"userId", "userGuid", "customerGuid"}
    assert body["userInfo"]["userId"] == "auditor@example.com"
    assert set(body["tokenInfo"]) == {"expiresAt", "tokenId"}


def test_refresh_keeps_the_value_and_moves_the_expiry(sandbox: Sandbox, client: Client) -> None:
    before = client.get("/token/validate").json()["tokenInfo"]
    value = client.post("/token/refresh").json()["tokenInfo"]["tokenValue"]
    sandbox.advance(seconds=2_000)
    answer = client.post("/token/refresh")
    assert answer.status_code == 200
    assert answer.json()["tokenInfo"]["tokenValue"] == value
    assert answer.json()["tokenInfo"]["expiresAt"] == before["expiresAt"] + 2_000_000
    sandbox.advance(seconds=2_000)
    assert client.get("/token/validate").status_code == 200


def test_token_dies_by_the_sandbox_clock(sandbox: Sandbox, client: Client) -> None:
    assert client.get(EVENTS).status_code == 200
    sandbox.advance(seconds=2_100)
    assert client.get("/token/validate").status_code == 401
    assert client.post("/token/refresh").status_code == 401
    answer = client.get(EVENTS)
    assert answer.status_code == 401
    assert answer.json()["status"] != "FAILURE_UNAUTHORIZED_USER_ACTION"


def test_logout_kills_the_token_at_once(client: Client) -> None:
    answer = client.post("/token/logout")
    assert (answer.status_code, answer.content) == (204, b"")
    assert client.get(EVENTS).status_code == 401


def test_expire_tokens_kills_all(sandbox: Sandbox, client: Client) -> None:
    assert sandbox.expire_tokens() == 1
    assert client.get(EVENTS).status_code == 401


def test_certificate_of_a_trusted_key_signs_in(sandbox: Sandbox, pair: KeyPair) -> None:
    sandbox.trust(pair)
    assert by_certificate(sandbox, pair, pair).status_code == 201


def test_certificate_with_a_passphrase_signs_in(sandbox: Sandbox) -> None:
    locked = make_key_pair(passphrase="open sesame")
    sandbox.trust(locked)
    assert "ENCRYPTED" in locked.private_key
    assert by_certificate(sandbox, locked, locked, b"open sesame").status_code == 201


def test_signature_of_another_key_is_refused(sandbox: Sandbox, pair: KeyPair) -> None:
    sandbox.trust(pair)
    answer = by_certificate(sandbox, pair, make_key_pair())
    assert (answer.status_code, answer.json()["status"]) == (401, "FAILURE_BAD_CREDENTIAL")


@pytest.mark.parametrize(("accepted", "v1", "v2"), [("both", 201, 201), ("v1", 201, 400), ("v2", 400, 201)])
def test_forms_of_certificate_sign_in(sandbox: Sandbox, pair: KeyPair, accepted: str, v1: int, v2: int) -> None:
    sandbox.trust(pair)
    sandbox.settings.certificate_format = accepted
    assert by_certificate(sandbox, pair, pair).status_code == v1
    assert by_certificate(sandbox, pair, pair, stamp=NOW // 1000).status_code == v2


@pytest.mark.parametrize("off_seconds", [-301, 301])
def test_stale_stamp_is_refused(sandbox: Sandbox, pair: KeyPair, off_seconds: int) -> None:
    sandbox.trust(pair)
    assert by_certificate(sandbox, pair, pair, stamp=NOW // 1000 + off_seconds).status_code == 401
    # Milliseconds taken as seconds are far in the future.
    assert by_certificate(sandbox, pair, pair, stamp=NOW).status_code == 401


def test_header_holds_exactly_one_certificate_and_no_key(sandbox: Sandbox, pair: KeyPair) -> None:
    sandbox.trust(pair)
    for more in (pair.private_key, make_key_pair().certificate):
        together = KeyPair(pair.certificate + more, pair.private_key)
        assert by_certificate(sandbox, together, pair).status_code == 400


def test_untrusted_and_expired_certificates_are_refused(sandbox: Sandbox, pair: KeyPair) -> None:
    assert by_certificate(sandbox, pair, pair).status_code == 401
    year = datetime(2020, 1, 1, tzinfo=timezone.utc), datetime(2021, 1, 1, tzinfo=timezone.utc)
    expired = make_key_pair(valid=year)
    sandbox.trust(expired)
    assert by_certificate(sandbox, expired, expired).status_code == 401


def test_certificate_with_less_than_100_bytes_is_malformed(sandbox: Sandbox, pair: KeyPair) -> None:
    header = "CACertificate " + base64.b64encode(pair.certificate.encode()).decode()
    short = base64.b64encode(b"x" * 99).decode()
    assert sign_in(sandbox, header, {"encodedData": short, "encodedSignedData": short}).status_code == 400
    assert sign_in(sandbox, header).status_code == 400
    assert sign_in(sandbox, "CACertificate " + base64.b64encode(b"no PEM").decode(), {}).status_code == 400


def test_missing_role_is_a_401_with_its_own_status(sandbox: Sandbox, client: Client) -> None:
    with Client(sandbox, email="norole@example.com") as other:
        answer = other.get(EVENTS)
        assert (answer.status_code, answer.json()["status"]) == (401, "FAILURE_UNAUTHORIZED_USER_ACTION")
        assert other.get("/2/0/users").status_code == 200
    sandbox.set_role(auditor=False)
    assert client.get(EVENTS).json()["status"] == "FAILURE_UNAUTHORIZED_USER_ACTION"
    sandbox.set_role(auditor=True)
    assert client.get(EVENTS).status_code == 200


def test_audit_host_refuses_bearer_and_integration_host_takes_it(sandbox: Sandbox) -> None:
    with Client(sandbox, scheme="Bearer") as bearer:
        answer = bearer.get(EVENTS)
        assert answer.status_code == 401
        assert answer.json()["statusMessage"] == "No valid token header found for the request"
        assert bearer.get("/2/0/users").status_code == 200
