import re
import time

import pytest
import requests
from aiohttp import web

from sandbox.api import faults as syntax
from sandbox.api.fault_effects import EFFECTS, Struck
from sandbox.api.faults import Faults
from sandbox.server import Sandbox
from tests.support.sandbox_client import EVENTS, Client


def statuses(client: Client, count: int, path: str = EVENTS) -> list[int]:
    return [client.get(path, params={"limit": 5}).status_code for _ in range(count)]


@pytest.mark.parametrize(
    ("when", "expected"),
    [
        ("", [500, 200, 200, 200, 200, 200]),
        ("3", [500, 500, 500, 200, 200, 200]),
        ("@4", [200, 200, 200, 500, 200, 200]),
        ("/3", [200, 200, 500, 200, 200, 500]),
        ("*", [500] * 6),
        ("2:skip=1", [200, 500, 500, 200, 200, 200]),
    ],
)
def test_fault_applies_as_often_as_specified(sandbox: Sandbox, client: Client, when: str, expected: list[int]) -> None:
    sandbox.faults.add(f"events:500:{when}")
    assert statuses(client, 6) == expected


def test_probability_is_seeded() -> None:
    def hits(seed: int) -> list[bool]:
        faults = Faults(seed)
        faults.add("all:500:~0.3")
        return [faults.take("/2/0/users") is not None for _ in range(200)]

    assert hits(1) == hits(1) != hits(2)
    assert 40 < sum(hits(1)) < 80


def test_fault_matches_its_kind_only(sandbox: Sandbox, client: Client) -> None:
    sandbox.faults.add("users:503", "/2/0/mod:502", "search:504")
    assert statuses(client, 1) == [200]
    assert client.post(f"{EVENTS}/search").status_code == 504
    assert statuses(client, 2, "/2/0/users") == [503, 200]
    assert statuses(client, 2, "/2/0/models") == [502, 200]
    assert [request.fault for request in sandbox.requests] == ["", "504", "503", "", "502", ""]


@pytest.mark.parametrize("spec", ["event:500", "events:explode", "events", "events:500:often", "events:500:@x"])
def test_misspelt_fault_is_an_error(spec: str) -> None:
    with pytest.raises(ValueError):
        Faults(1).add(spec)


def test_retry_after_of_429_can_be_set_or_omitted(sandbox: Sandbox, client: Client) -> None:
    sandbox.faults.add("events:429", "events:429:2:skip=1,retry_after=none", "events:429:1:retry_after=3")
    answers = [client.get(EVENTS) for _ in range(5)]
    assert [a.headers.get("Retry-After") for a in answers if a.status_code == 429] == ["10", "3", None, None]


def test_401_of_token_and_of_role_differ(sandbox: Sandbox, client: Client) -> None:
    sandbox.faults.add("events:token-dead", "events:role:1", "events:token-expired")
    bodies = [client.get(EVENTS).json()["status"] for _ in range(2)]
    assert bodies[0] != "FAILURE_UNAUTHORIZED_USER_ACTION" == bodies[1]
    assert statuses(client, 2) == [401, 401]


def test_reset_and_half_body_break_the_answer(sandbox: Sandbox, client: Client) -> None:
    sandbox.faults.add("events:reset", "events:half-body")
    with pytest.raises(requests.ConnectionError):
        client.get(EVENTS)
    with pytest.raises(requests.exceptions.ChunkedEncodingError):
        client.get(EVENTS)
    assert statuses(client, 1) == [200]


def test_timeout_never_answers_and_does_not_keep_the_server_from_stopping(sandbox: Sandbox, client: Client) -> None:
    sandbox.faults.add("events:timeout:*")
    with pytest.raises(requests.ReadTimeout):
        client.get(EVENTS, timeout=0.05)
    began = time.monotonic()
    sandbox.stop()
    assert time.monotonic() - began < 5


def test_bodies_that_are_not_json(sandbox: Sandbox, client: Client) -> None:
    sandbox.faults.add("events:bad-json", "events:html", "events:maintenance", "events:204")
    answers = [client.get(EVENTS) for _ in range(4)]
    assert [a.status_code for a in answers] == [200, 200, 503, 204]
    with pytest.raises(ValueError):
        answers[0].json()
    assert answers[1].headers["Content-Type"].startswith("text/html")
    assert answers[1].text.startswith("<!DOCTYPE html>")


def test_wrong_pages(sandbox: Sandbox, client: Client) -> None:
    truth = [e["id"] for e in sandbox.truth()]
    sandbox.faults.add("events:empty-page", "events:duplicate-page", "events:shifted-page:1:by=2", "events:wrong-total")
    empty = client.events(limit=10, offset=10)
    assert (empty["response"], empty["meta"]["paging"]["totalSize"]) == ([], len(truth))
    assert client.ids(limit=10, offset=10) == truth[:10]
    assert client.ids(limit=10, offset=10) == truth[8:18]
    assert client.events(limit=10)["meta"]["paging"]["totalSize"] == len(truth) + 1
    sandbox.faults.add("users:wrong-total:1:by=-1", "users:empty-page")
    assert client.get("/2/0/users").json()["meta"]["paging"]["totalSize"] == 21
    assert "users" not in client.get("/2/0/users").json()


def test_slow_and_compressed_bodies_are_complete(sandbox: Sandbox, client: Client) -> None:
    sandbox.faults.add("events:slow:1:seconds=0.04", "events:gzip")
    truth = [e["id"] for e in sandbox.truth()]
    assert client.ids() == truth
    zipped = client.get(EVENTS)
    assert zipped.headers["Content-Encoding"] == "gzip"
    assert [e["id"] for e in zipped.json()["response"]] == truth
    sandbox.faults.add("events:gzip")
    assert "Content-Encoding" not in client.get(EVENTS, headers={"Accept-Encoding": "identity"}).headers


def test_redirect_points_at_another_host(sandbox: Sandbox, client: Client) -> None:
    sandbox.faults.add("events:redirect", "events:redirect:1:to=https://elsewhere.invalid/x,status=307")
    first = client.get(EVENTS, params={"limit": 1}, allow_redirects=False)
    assert (first.status_code, first.headers["Location"][:17]) == (302, "http://localhost:")
    second = client.get(EVENTS, allow_redirects=False)
    assert (second.status_code, second.headers["Location"]) == (307, "https://elsewhere.invalid/x")


def test_sign_in_can_fail_too(sandbox: Sandbox, client: Client) -> None:
    sandbox.faults.add("auth:503", "oauth:500")
    assert client.post("/token/authenticate", auth=("auditor@example.com", "sandbox")).status_code == 503
    assert client.post("/token/authenticate", auth=("auditor@example.com", "sandbox")).status_code == 201
    assert client.post("/oauth/token").status_code == 500
    sandbox.faults.add("all:500:*")
    sandbox.faults.clear()
    assert statuses(client, 1) == [200]


def test_the_help_describes_every_fault() -> None:
    described = (syntax.__doc__ or "").partition("what  ")[2].partition("when  ")[0]
    assert [name for name in EFFECTS if not re.search(rf"(?<![\w-]){name}(?![\w-])", described)] == []
    assert len(EFFECTS) == 21


def test_an_effect_in_one_function_is_a_fault(
    sandbox: Sandbox, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(ValueError, match="unknown fault `teapot`"):
        sandbox.faults.add("events:teapot")

    async def teapot(struck: Struck) -> web.Response:
        return web.Response(status=418, text=struck.fault.options["text"])

    monkeypatch.setitem(EFFECTS, "teapot", teapot)
    sandbox.faults.add("events:teapot:1:text=short and stout")
    answer = client.get(EVENTS)
    assert (answer.status_code, answer.text) == (418, "short and stout")
    assert sandbox.state.requests[-1].fault == "teapot"
