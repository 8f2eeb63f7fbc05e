"""Every endpoint that reads a body answers a malformed one with a client error."""

import pytest
import requests

from sandbox.server import Sandbox
from tests.support.sandbox_client import EVENTS, Client

JSON = {"Content-Type": "application/json"}
MALFORMED = {
    "cut": (JSON, b'{"from": '),
    "no object": (JSON, b"[1]"),
    "no UTF-8": (JSON, b'{"from": "\xff"}'),
    "nested deeply": (JSON, b'{"a":' * 3_000 + b"1" + b"}" * 3_000),
    "not compressed": ({**JSON, "Content-Encoding": "gzip"}, b"plain"),
}
EMPTY_CERTIFICATE = {"Authorization": "CACertificate AAAA"}


@pytest.mark.parametrize("form", MALFORMED)
@pytest.mark.parametrize(
    ("path", "more"),
    [
        (f"{EVENTS}/search", {}),
        ("/token/authenticate", EMPTY_CERTIFICATE),
        ("/oauth/token", {}),
        ("/oauth/device/code", {}),
        ("/_sandbox/events", {}),
    ],
)
def test_malformed_body_is_a_400(sandbox: Sandbox, client: Client, path: str, more: dict[str, str], form: str) -> None:
    headers, body = MALFORMED[form]
    # A new connection: the server closes one whose body it could not read.
    answer = requests.post(
        sandbox.url + path,
        data=body,
        headers={**client.headers, **headers, **more, "Connection": "close"},  # type: ignore[dict-item]
        timeout=10,
    )
    assert answer.status_code == 400, answer.text
    assert answer.json()


def test_a_search_without_a_body_is_the_last_30_days(client: Client) -> None:
    assert client.post(f"{EVENTS}/search").json()["response"]
    assert client.post(f"{EVENTS}/search", json={}).json()["response"]
