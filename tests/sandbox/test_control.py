import json
from typing import Any

import pytest
import requests

from sandbox.api.certificates import make_key_pair
from sandbox.server import Sandbox
from sandbox.world.clock import DAY
from tests.support.sandbox_client import EVENTS, NOW, Client, event


class Control:
    def __init__(self, sandbox: Sandbox) -> None:
        self.base = f"{sandbox.url}/_sandbox"

    def __call__(self, method: str, path: str, **body: Any) -> Any:
        answer = requests.request(method, self.base + path, json=body or None, timeout=10)
        assert answer.status_code == 200, answer.text
        return answer.json()


@pytest.fixture
def control(sandbox: Sandbox) -> Control:
    return Control(sandbox)


def test_settings_are_read_and_changed(control: Control, client: Client) -> None:
    assert control("POST", "/settings", page_cap=5, order="desc")["page_cap"] == 5
    assert control("GET", "/settings")["order"] == "desc"
    assert len(client.ids()) == 5
    refused = requests.post(f"{control.base}/settings", json={"page_cup": 5}, timeout=10)
    assert (refused.status_code, "page_cup" in refused.json()["error"]) == (400, True)
    assert requests.post(f"{control.base}/settings", json={"order": "up"}, timeout=10).status_code == 400


def test_faults_are_set_listed_and_cleared(control: Control, client: Client) -> None:
    control("POST", "/faults", specs=["events:500:2"], spec="users:429:1:retry_after=1")
    assert client.get(EVENTS).status_code == 500
    assert control("GET", "/faults") == [
        {"spec": "events:500:2", "seen": 1, "done": 1},
        {"spec": "users:429:1:retry_after=1", "seen": 0, "done": 0},
    ]
    assert control("DELETE", "/faults") == []
    assert client.get(EVENTS).status_code == 200


def test_events_are_added_held_back_and_released(control: Control, client: Client) -> None:
    assert control("POST", "/events", events=[event(1, NOW - DAY)])["ids"] == [2**60 + 1]
    control("POST", "/events", events=[event(2, NOW - DAY)], hold_back=True)
    control("POST", "/events", events=[event(3, NOW - DAY)], visible_from=NOW + 1)
    assert {2**60 + i for i in (1, 2, 3)} & set(client.ids()) == {2**60 + 1}
    assert control("POST", "/release") == {"released": 1}
    control("POST", "/clock", advance_ms=1)
    assert {2**60 + i for i in (1, 2, 3)} <= set(client.ids())


def test_clock_stops_shifts_and_runs(control: Control, sandbox: Sandbox) -> None:
    assert control("POST", "/clock", ms=NOW + 5) == {"now_ms": NOW + 5, "frozen": True}
    assert control("POST", "/clock", advance_ms=10)["now_ms"] == NOW + 15
    ahead = control("POST", "/clock", offset_ms=DAY)
    real = control("POST", "/clock")
    assert ahead["frozen"] is real["frozen"] is False
    assert ahead["now_ms"] - real["now_ms"] > DAY - 10_000
    assert sandbox.now_ms >= real["now_ms"]


def test_users_and_lists_are_changed(control: Control, sandbox: Sandbox, client: Client) -> None:
    first, second = (user["id"] for user in sandbox.users()[:2])
    control("POST", "/users", rename=first, fields={"firstName": "Other"})
    control("POST", "/users", remove=second)
    added = control("POST", "/users", add={"firstName": "New"})["id"]
    names = {user["id"]: user["firstName"] for user in client.get("/2/0/users").json()["users"]}
    assert (names[first], second in names, names[added]) == ("Other", False, "New")
    control("POST", "/users", role="auditor@example.com", auditor=False)
    assert client.get(EVENTS).json()["status"] == "FAILURE_UNAUTHORIZED_USER_ACTION"
    control("POST", "/collections", workspaces=[])
    assert "workspaces" not in client.get("/2/0/workspaces").json()


def test_truth_is_one_event_a_line(control: Control, sandbox: Sandbox) -> None:
    lines = requests.get(f"{control.base}/truth", params={"type": "user_activity"}, timeout=10).text.split("\n")
    assert [json.loads(line) for line in lines if line] == sandbox.truth("user_activity")


def test_requests_are_listed_and_forgotten(control: Control, client: Client) -> None:
    client.ids(limit=2)
    (seen,) = control("GET", "/requests")
    assert (seen["path"], seen["query"], seen["status"], seen["rows"]) == (EVENTS, {"limit": "2"}, 200, 2)
    assert control("DELETE", "/requests") == []
    overview = control("GET", "")
    assert (overview["requests"], overview["now_ms"], overview["events"] > 0) == (0, NOW, True)


def test_tokens_are_given_and_taken(control: Control, sandbox: Sandbox) -> None:
    token = control("POST", "/tokens")["token"]
    header = {"Authorization": f"AnaplanAuthToken {token}"}
    assert requests.get(sandbox.url + EVENTS, headers=header, timeout=10).status_code == 200
    control("POST", "/tokens/expire")
    assert requests.get(sandbox.url + EVENTS, headers=header, timeout=10).status_code == 401


def test_device_codes_and_certificates(control: Control, sandbox: Sandbox) -> None:
    assert control("POST", "/device/approve") == {"approved": False}
    requests.post(f"{sandbox.url}/oauth/device/code", json={"client_id": "sandbox-device"}, timeout=10)
    assert control("POST", "/device/approve") == {"approved": True}
    control("POST", "/certificates", pem=make_key_pair().certificate)
    assert len(sandbox.state.trusted_certificates) == 1
    assert requests.post(f"{control.base}/certificates", json={"pem": "none"}, timeout=10).status_code == 400


def test_stop_ends_the_server(control: Control, sandbox: Sandbox) -> None:
    control("POST", "/stop")
    sandbox.stop()
    with pytest.raises(requests.ConnectionError):
        requests.get(control.base, timeout=10)
