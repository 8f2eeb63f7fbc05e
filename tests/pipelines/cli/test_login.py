"""Sign-in by device code, and the rights of the account, over HTTP against a tenant that checks them."""

import json
import stat
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock

from sandbox.server import Sandbox
from tests.conftest import Engine, Tenant

SMALL = {"events": 60, "days": 2, "users": 6, "rate_limit": 0, "weekend": 1.0}


class Waiting:
    """Replaces the clock of the device grant: a pause advances the tenant's clock too, without waiting."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.sandbox, self.now = sandbox, 0.0
        self.slept: list[float] = []
        self.after: dict[int, Callable[[], Any]] = {}

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds
        self.sandbox.advance(seconds=seconds)
        self.after.get(len(self.slept), lambda: None)()


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(**SMALL, rotate_refresh_tokens=True) as running:
        yield running


@pytest.fixture
def waiting(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> Waiting:
    fake = Waiting(sandbox)
    monkeypatch.setattr("audit_source.auth.device_grant.time", fake)
    return fake


@pytest.fixture
def store(tenant: Tenant, sandbox: Sandbox, tmp_path: Path) -> Path:
    """Set up a tenant with an OAuth client only. Return the path of its future token."""
    tenant.at(sandbox.url).unset("CREDENTIALS__EMAIL")
    tenant.unset("CREDENTIALS__PASSWORD")
    tenant.set("CREDENTIALS__CLIENT_ID", "sandbox-device")
    tenant.set("TOKEN_STORE", tmp_path / "kept" / "token.json")
    return tmp_path / "kept" / "token.json"


def test_login_polls_at_the_requested_interval_and_later_runs_use_the_token(
    tenant: Tenant, duck: Engine, sandbox: Sandbox, waiting: Waiting, store: Path
) -> None:
    before = tenant.run("load")
    assert before.code == 2 and "`refresh_token` is missing" in before.err and "audit login` gets one" in before.err
    # From the second poll on, the tenant asks for a longer interval than before.
    waiting.after[1] = lambda: sandbox.settings.set(device_interval=12.0)
    waiting.after[4] = lambda: sandbox.approve_device()
    outcome = tenant.run("login")
    assert (outcome.code, outcome.err) == (0, "")
    assert waiting.slept == [5, 5, 10, 15]
    code = outcome.out.split("2. Enter ")[1].split()[0]
    assert f"{sandbox.url}/activate?user_code={code}" in outcome.out and str(store) in outcome.out
    kept = json.loads(store.read_text())["refresh_token"]
    assert kept not in outcome.out and stat.S_IMODE(store.stat().st_mode) == 0o600
    waiting.sandbox.set_clock()

    for _ in range(2):
        loaded = tenant.run("load")
        assert (loaded.code, loaded.err) == (0, "")
    assert json.loads(store.read_text())["refresh_token"] != kept
    held = {sent["id"] for sent in sandbox.truth()}
    found = {row[0] for row in duck.rows("select id from anaplan_audit_raw.events")}
    # The next run loads the events of the last minute.
    assert found <= held and len(held - found) < 20 and found
    assert json.loads(tenant.run("status", "--json").out)["sign_in"]["mode"] == "oauth"


def test_login_replaces_a_configured_refresh_token(
    tenant: Tenant, sandbox: Sandbox, waiting: Waiting, store: Path
) -> None:
    tenant.set("CREDENTIALS__REFRESH_TOKEN", "dead-token")
    assert tenant.run("check-access").code == 3
    sandbox.settings.set(device_auto_approve=1)
    assert tenant.run("login").code == 0
    assert tenant.run("check-access").code == 0


def deny(waiting: Waiting) -> None:
    waiting.after[2] = waiting.sandbox.deny_device


def expire_at_the_server(waiting: Waiting) -> None:
    waiting.after[1] = lambda: waiting.sandbox.advance(seconds=700)


@pytest.mark.parametrize(
    ("happens", "says"),
    [
        (deny, "HTTP 403 access_denied. It was denied in the browser. Start again"),
        (expire_at_the_server, "HTTP 403 expired_token. Nobody approved it in time. Start again"),
        (lambda waiting: None, "the code has expired. Nobody approved it in time"),
    ],
    ids=["denied", "expired at the server", "expired here"],
)
def test_login_without_approval_fails(
    tenant: Tenant, waiting: Waiting, store: Path, happens: Callable[[Waiting], None], says: str
) -> None:
    happens(waiting)
    outcome = tenant.run("login")
    assert outcome.code == 3 and says in outcome.err
    assert sum(waiting.slept) < 600
    assert list(store.parent.iterdir()) == []


def test_login_without_a_known_client_fails(tenant: Tenant, sandbox: Sandbox, store: Path) -> None:
    tenant.set("CREDENTIALS__CLIENT_ID", "somebody")
    outcome = tenant.run("login")
    assert outcome.code == 3 and "HTTP 403 invalid_client. Check `client_id`" in outcome.err
    tenant.unset("CREDENTIALS__CLIENT_ID")
    outcome = tenant.run("login")
    assert outcome.code == 2 and "no `client_id` is configured" in outcome.err


def test_login_rejects_ambiguous_credentials(tenant: Tenant, sandbox: Sandbox, waiting: Waiting, store: Path) -> None:
    tenant.at(sandbox.url, password="sandbox")
    sandbox.settings.set(device_auto_approve=1)
    outcome = tenant.run("login")
    assert outcome.code == 0 and 'Set `auth = "oauth"`' in outcome.out
    assert "password and oauth are both complete" in tenant.run("check-access").err


def test_token_is_not_touched_while_a_run_uses_it(
    tenant: Tenant, sandbox: Sandbox, store: Path, tmp_path: Path
) -> None:
    lock = tmp_path / "dlt" / "pipelines" / "anaplan_audit.lock"
    lock.parent.mkdir(parents=True)
    tenant.set("CREDENTIALS__REFRESH_TOKEN", "sandbox-refresh-0")
    with FileLock(lock):
        assert [tenant.run("login").code, tenant.run("check-access").code] == [75, 75]
    assert sandbox.requests == []
    assert tenant.run("check-access").code == 0


def test_check_access_counts_records_and_loads_nothing(tenant: Tenant, sandbox: Sandbox, database: Path) -> None:
    outcome = tenant.at(sandbox.url, password="sandbox").run("check-access")
    assert (outcome.code, outcome.err) == (0, "")
    lines = dict(line.split(maxsplit=1) for line in outcome.out.splitlines()[:7])
    assert lines == {
        "destination": str(database),
        "sign-in": "password",
        "account": "Sandbox Auditor auditor@example.com",
        "events": f"{len(sandbox.truth())} in the last 30 days",
        "users": str(len(sandbox.users())),
        "workspaces": "2",
        "models": "12",
    }
    assert not database.exists()
    assert sandbox.requests[-1].path == "/token/logout"


@pytest.mark.parametrize(
    ("email", "password", "faults", "code", "says"),
    [
        ("norole@example.com", "sandbox", [], 3, ["events: the account cannot read the audit log", "Tenant Auditor"]),
        ("auditor@example.com", "hunter2", [], 3, ["FAILURE_BAD_CREDENTIAL"]),
        ("auditor@example.com", "sandbox", ["models:role:1"], 3, ["models: the account cannot list the models"]),
        ("auditor@example.com", "sandbox", ["users:500:99"], 4, ["HTTP 500 after every try"]),
    ],
    ids=["no role", "wrong password", "no models", "users down"],
)  # fmt: skip
def test_check_access_reports_missing_rights(
    tenant: Tenant, sandbox: Sandbox, email: str, password: str, faults: list[str], code: int, says: list[str]
) -> None:
    sandbox.faults.add(*faults)
    outcome = tenant.at(sandbox.url, email, password).run("check-access")
    assert outcome.code == code
    assert all(part in outcome.err for part in says) and "hunter2" not in outcome.err
    assert "Nothing is missing" not in outcome.out


def test_check_access_reports_an_empty_list(tenant: Tenant, sandbox: Sandbox) -> None:
    sandbox.set_collection("models", [])
    outcome = tenant.at(sandbox.url, password="sandbox").run("check-access")
    assert outcome.code == 0 and "models: the account sees no model" in outcome.err


def test_check_access_reports_an_expired_token_once(tenant: Tenant, sandbox: Sandbox) -> None:
    tenant.at(sandbox.url)
    for name in ("EMAIL", "PASSWORD"):
        tenant.unset(f"CREDENTIALS__{name}")
    tenant.set("CREDENTIALS__ACCESS_TOKEN", sandbox.issue_token())
    sandbox.expire_tokens()
    outcome = tenant.run("check-access")
    line = "audit: the configured access token: it is invalid or has expired. Configure a new one, or "
    assert (outcome.code, outcome.err) == (3, f"{line}credentials that can be renewed.\n")
    lists = ("events", "users", "workspaces", "models", "contents", "cloudworks", "scim")
    assert outcome.out.splitlines()[3:] == [f"{name:<11} no answer" for name in lists]
