"""A webhook gets each problem and its end once over HTTP, and never a secret."""

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

from sandbox.api.certificates import make_key_pair
from sandbox.server import Sandbox
from tests.conftest import REPOSITORY, Engine, Tenant, event, plain_server
from tests.support.status_command import some_events, status, write
from tests.support.webhook import PATH, Webhook

ALERTS = (
    "select kind, subject, what, exit_code from anaplan_audit_raw.alerts"
    " where kind <> 'alerting' order by happened_at, subject"
)


@pytest.fixture
def webhook(monkeypatch: pytest.MonkeyPatch) -> Iterator[Webhook]:
    with Webhook() as hook:
        monkeypatch.setenv("ALERTS__WEBHOOK_URL", hook.url)
        yield hook


@pytest.fixture
def server(tenant: Tenant) -> Iterator[Any]:
    with plain_server(some_events()) as server:
        tenant.at(server.url)
        yield server


def forget_local_state(tmp_path: Path) -> None:
    """Start as in a new container."""
    shutil.rmtree(tmp_path / "dlt")


@pytest.mark.usual_engine("duckdb")
def test_failure_and_recovery_are_each_reported_once(
    tenant: Tenant, engine: Engine, webhook: Webhook, server: Any, tmp_path: Path
) -> None:
    assert tenant.run("load").code == 0
    assert webhook.take() == []
    tenant.set("CREDENTIALS__PASSWORD", "wr0ng-password")
    assert tenant.run("load").code == 3
    (text,) = webhook.take()
    assert "FAILED: `load` ended with exit code 3 (sign-in or role)" in text
    assert "HTTP 401 FAILURE_BAD_CREDENTIAL. Check the credentials" in text
    assert "wr0ng" not in text and PATH not in text
    forget_local_state(tmp_path)
    assert tenant.run("load").code == 3
    assert webhook.take() == []
    tenant.set("CREDENTIALS__PASSWORD", "secret")
    server.shape["html"] = True
    assert tenant.run("load").code == 4
    (text,) = webhook.take()
    assert "exit code 4" in text and "an HTML page instead of JSON" in text
    server.shape.clear()
    assert tenant.run("load").code == 0
    (text,) = webhook.take()
    assert "RESOLVED: `load` works again" in text
    forget_local_state(tmp_path)
    assert tenant.run("load").code == 0
    assert webhook.take() == []
    assert engine.rows(ALERTS) == [
        ("run", "load", "alerted", 3), ("run", "load", "alerted", 4), ("run", "load", "resolved", 4),
    ]  # fmt: skip


def test_locked_or_misconfigured_destination_is_reported_once(
    tenant: Tenant, database: Path, webhook: Webhook, server: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert tenant.run("load").code == 0
    holder = subprocess.Popen(
        [sys.executable, "-c", f"import duckdb; c = duckdb.connect({str(database)!r}, read_only=True); print('open', flush=True); input()"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        assert holder.stdout is not None and holder.stdout.readline() == "open\n"
        assert [tenant.run("load").code, tenant.run("load").code] == [75, 75]
    finally:
        holder.communicate("\n")
    (text,) = webhook.take()
    assert "exit code 75" in text and str(database) in text
    tenant.set("HISTORY_DAY", "5")
    assert [tenant.run("load").code, tenant.run("load").code] == [2, 2]
    (text,) = webhook.take()
    assert "setting 'history_day'" in text
    tenant.unset("HISTORY_DAY")
    assert [tenant.run("load").code, tenant.run("load").code] == [0, 0]
    (text,) = webhook.take()
    assert "RESOLVED" in text


def test_incomplete_window_is_reported_until_complete(tenant: Tenant, webhook: Webhook, server: Any) -> None:
    server.shape["withhold"] = server.events[0]["id"]
    assert [tenant.run("load").code, tenant.run("load").code] == [5, 5]
    (text,) = webhook.take()
    assert "exit code 5" in text and "events arrived" in text
    assert status(tenant)[0] == 1
    server.shape.clear()
    assert tenant.run("load").code == 0
    assert len(webhook.take()) == 1
    assert status(tenant)[0] == 0


@pytest.mark.parametrize("engine", ["postgres"], indirect=True)
def test_gap_is_reported_once_and_can_be_acknowledged(
    tenant: Tenant, engine: Engine, webhook: Webhook, server: Any
) -> None:
    assert tenant.run("load").code == 0
    day = datetime(2026, 1, 1, tzinfo=timezone.utc)
    for start in (day, day + timedelta(days=1)):
        write(
            engine,
            f"insert into anaplan_audit_raw.event_windows (window_day, event_type, window_start, window_end, status, checked_at, _dlt_load_id) values (date '{start:%Y-%m-%d}', 'all', '{start}', '{start + timedelta(days=1)}', 'expired', now(), 'x')",
        )
    assert [tenant.run("load").code, tenant.run("load").code] == [0, 0]
    (text,) = webhook.take()
    assert "LOST: events between 2026-01-01 00:00 UTC and 2026-01-03 00:00 UTC" in text
    code, told = status(tenant)
    assert (code, [problem["kind"] for problem in told["problems"]]) == (1, ["gap"])
    assert tenant.run("acknowledge", "gaps", "--note", "holidays").out == "acknowledged 2 that were open\n"
    assert tenant.run("acknowledge", "gaps").out == "acknowledged 0 that were open\n"
    code, told = status(tenant)
    assert (code, told["gaps"][0]["acknowledged"]) == (0, True)
    assert engine.rows("select distinct note, account is not null from anaplan_audit_raw.alerts where what = 'acknowledged'") == [
        ("holidays", True)
    ]  # fmt: skip


HOSTILE_NAME = "<!channel> @here [click](https://evil.example) `x`"


@pytest.mark.long
def test_findings_from_the_minimum_severity_are_reported_once(
    tenant: Tenant, duck: Engine, webhook: Webhook, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = int(time.time() * 1000) - 3_600_000
    person = {"id": "8a80d86a5565443f01557f053e6719ba", "firstName": HOSTILE_NAME, "lastName": "", "active": True}
    failures = [event(i, now + i * 1000, eventTypeId="USR-9", success=False) for i in range(6)]
    # A burst of failures is `medium`, a user who is in no list is `low`.
    events = [*failures, event(9, now, userId="0" * 32)]
    monkeypatch.setenv("ALERTS__MIN_SEVERITY", "medium")
    with plain_server(events, {"users": [{**person, "email": "a@example.com"}]}) as server:
        assert tenant.at(server.url).run("load").code == 0
        assert webhook.take() == []
        assert tenant.run("enrich").code == 0
        (text,) = webhook.take()
        assert tenant.run("enrich").code == 0
        assert webhook.take() == []
    assert "SECURITY: 1 new finding (1 medium)" in text
    assert "channel" in text
    assert not any(sign in text for sign in ("<!", "@here", "](", "https://evil", "`x`"))
    ((finding,),) = duck.rows("select finding_id from anaplan_audit.security_findings where severity = 'medium'")
    assert duck.rows(ALERTS) == [("finding", finding, "alerted", None)]
    assert status(tenant)[1]["findings"] == {"open": 2, "high": 0, "medium": 1, "low": 1}
    assert tenant.run("acknowledge", finding).out == "acknowledged 1 that were open\n"
    assert status(tenant)[1]["findings"]["open"] == 1
    unknown = tenant.run("acknowledge", "no-such-finding")
    assert unknown.code == 2 and "`no-such-finding` is neither" in unknown.err


@pytest.mark.long
def test_certificate_expiry_is_reported_once_before_and_once_after(
    tenant: Tenant, duck: Engine, webhook: Webhook, tmp_path: Path
) -> None:
    now = datetime.now(timezone.utc)

    def sign_in_by_one_with(days_left: int) -> datetime:
        end = (now + timedelta(days=days_left, hours=1)).replace(microsecond=0)
        pair = make_key_pair(valid=(now - timedelta(days=300), end))
        sandbox.trust(pair)
        for name, path in zip(("CERTIFICATE", "PRIVATE_KEY"), pair.write(tmp_path), strict=True):
            tenant.set(f"CREDENTIALS__{name}", path)
        return end

    with Sandbox(events=20, users=3) as sandbox:
        tenant.at(sandbox.url)
        for name in ("EMAIL", "PASSWORD"):
            tenant.unset(f"CREDENTIALS__{name}")
        sign_in_by_one_with(30)
        assert tenant.run("load").code == 0
        assert webhook.take() == []
        soon = sign_in_by_one_with(29)
        assert [tenant.run("load").code, tenant.run("load").code] == [0, 0]
        (text,) = webhook.take()
        assert f"CERTIFICATE: the certificate for Anaplan expires in 29 days, on {soon:%Y-%m-%d %H:%M} UTC." in text
        assert "register a new one with Anaplan and set `certificate` and `private_key`" in text
        over = sign_in_by_one_with(-1)
        assert [tenant.run("load").code, tenant.run("load").code] == [2, 2]
        (text,) = webhook.take()
        assert "FAILED: `load` ended with exit code 2" in text
        assert f"expired on {over:%Y-%m-%d %H:%M} UTC. No run can sign in until you register" in text
    assert [row for row in duck.rows(ALERTS) if row[0] == "certificate"] == [
        ("certificate", f"expires soon {soon.isoformat()}", "alerted", None),
        ("certificate", f"expired {over.isoformat()}", "alerted", None),
    ]


@pytest.mark.parametrize("answer", [404, 302, pytest.param(500, marks=pytest.mark.variant)])
def test_webhook_error_is_a_warning(tenant: Tenant, webhook: Webhook, server: Any, answer: int) -> None:
    webhook.status = answer
    tenant.set("CREDENTIALS__PASSWORD", "wrong")
    outcome = tenant.run("load")
    assert outcome.code == 3
    warning, error = outcome.err.strip().splitlines()
    assert warning == f"audit: the alert was not sent: HTTP {answer}. Check `webhook_url` under [alerts]."
    assert "FAILURE_BAD_CREDENTIAL" in error
    assert [path for path, _, _ in webhook.requests] == [PATH]
    webhook.status = 200
    assert tenant.run("load").code == 3
    assert len(webhook.take()) == 1


def test_unreachable_webhook_is_a_warning(tenant: Tenant, server: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALERTS__WEBHOOK_URL", f"http://127.0.0.1:9{PATH}")
    tenant.set("CREDENTIALS__PASSWORD", "wrong")
    outcome = tenant.run("load")
    assert outcome.code == 3 and "the alert was not sent: the host refused the connection" in outcome.err
    assert PATH not in outcome.err


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("WEBHOK_URL", "https://x", "setting `webhok_url` (ALERTS__WEBHOK_URL) does not exist. Did you mean `webhook_url`?"),
        ("WEBHOOK_URL", "hooks.slack.example/x1y2", "setting `webhook_url` is not an address"),
        ("MIN_SEVERITY", "critical", "`critical` is not one of high, medium, low"),
    ],
)  # fmt: skip
def test_invalid_alert_settings_are_rejected(
    tenant: Tenant, monkeypatch: pytest.MonkeyPatch, name: str, value: str, says: str
) -> None:
    monkeypatch.setenv(f"ALERTS__{name}", value)
    outcome = tenant.run("load")
    assert outcome.code == 2 and says in outcome.err and "x1y2" not in outcome.err


def test_webhook_address_in_config_toml_is_rejected(tmp_path: Path) -> None:
    (tmp_path / ".dlt").mkdir()
    (tmp_path / ".dlt" / "config.toml").write_text('[alerts]\nwebhook_url = "https://hooks.example/x1y2"\n')
    outcome = subprocess.run(
        [sys.executable, "-m", "pipelines.audit", "status"],
        env={**os.environ, "PYTHONPATH": str(REPOSITORY)}, cwd=tmp_path, capture_output=True, text=True,
    )  # fmt: skip
    assert outcome.returncode == 2
    assert "Move it to [alerts] in secrets.toml" in outcome.stderr and "x1y2" not in outcome.stderr


@pytest.mark.usual_engine("duckdb")
def test_webhook_response_is_checked_and_shown(tenant: Tenant, engine: Engine, webhook: Webhook, server: Any) -> None:
    """Slack answers `ok`. A service that accepts a message without showing it answers differently."""
    tenant.set("CREDENTIALS__PASSWORD", "wrong")
    assert tenant.run("load").code == 3
    assert len(webhook.take()) == 1
    assert "may not have been shown" in tenant.run("status").out
    webhook.answer = b"ok"
    tenant.set("CREDENTIALS__PASSWORD", "secret")
    assert tenant.run("load").code == 0
    assert "alert" not in tenant.run("status").out.split("Tables")[0].replace("alerts", "")


@pytest.mark.long
@pytest.mark.usefixtures("few_models")
def test_undated_finding_and_alerting_failure_stop_no_other_alert(
    tenant: Tenant, duck: Engine, webhook: Webhook, server: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from pipelines.monitoring.alerts import detect as alerts

    row = {"finding_id": "x:1", "severity": "high", "finding": "without a date", "started_at": None}
    dated = {**row, "finding_id": "x:2", "finding": "with a date", "started_at": datetime.now(timezone.utc)}
    read = alerts.Reader.rows

    def rows(self: Any, owner: str, query: str) -> Any:
        return [row, dated] if "from security_findings" in query else read(self, owner, query)

    with monkeypatch.context() as planted:
        planted.setattr(alerts.Reader, "rows", rows)
        assert tenant.run("run").code == 0
    (text,) = webhook.take()
    assert "2 new findings" in text and "high, without a date: without a date" in text and "with a date" in text

    def fails(*_: Any) -> Any:
        raise TypeError("a row that nobody foresaw")

    with monkeypatch.context() as planted:
        planted.setattr(alerts, "_news_of_gaps", fails)
        tenant.set("CREDENTIALS__PASSWORD", "wrong")
        assert tenant.run("load").code == 3
        (text,) = webhook.take()
        assert "FAILED: `load`" in text and "ALERTING: some alerts could not be determined: TypeError" in text
        # Sent once, and shown until it is over.
        assert tenant.run("load").code == 3 and webhook.take() == []
        assert "the last alert failed (look-up): TypeError" in tenant.run("status").out
    tenant.set("CREDENTIALS__PASSWORD", "secret")
    assert tenant.run("load").code == 0
    assert "look-up" not in tenant.run("status").out


PAGER = """
import os
from pathlib import Path

from pipelines.monitoring.alerts.channels import ChannelError


class Pager:
    name = "pager"
    settings = "the battery of the pager"

    def is_configured(self):
        return "PAGER" in os.environ

    def send(self, text):
        if os.environ["PAGER"] == "broken":
            raise ChannelError("no signal")
        with open(os.environ["PAGER"], "a", encoding="utf-8") as paper:
            paper.write(text + "\\n===\\n")
        return True


CHANNEL = Pager()
"""


class Paper:
    """What the pager of `PAGER` has printed."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def take(self) -> list[str]:
        texts = self.path.read_text(encoding="utf-8").split("\n===\n")[:-1] if self.path.exists() else []
        self.path.unlink(missing_ok=True)
        return texts


@pytest.fixture
def pager(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Paper]:
    """A second channel: one module dropped into the package."""
    from pipelines.monitoring.alerts import channels

    (tmp_path / "channels").mkdir()
    (tmp_path / "channels" / "pager.py").write_text(PAGER, encoding="utf-8")
    monkeypatch.setattr(channels, "__path__", [*channels.__path__, str(tmp_path / "channels")])
    monkeypatch.setenv("PAGER", str(tmp_path / "paper"))
    yield Paper(tmp_path / "paper")
    sys.modules.pop(f"{channels.__name__}.pager", None)


def test_a_second_channel_is_one_module_and_both_are_told(
    tenant: Tenant, duck: Engine, webhook: Webhook, pager: Paper, server: Any
) -> None:
    tenant.set("CREDENTIALS__PASSWORD", "wrong")
    assert [tenant.run("load").code, tenant.run("load").code] == [3, 3]
    (printed,), (text,) = pager.take(), webhook.take()
    assert "FAILED: `load`" in text and printed == text
    tenant.set("CREDENTIALS__PASSWORD", "secret")
    assert tenant.run("load").code == 0
    (printed,), (text,) = pager.take(), webhook.take()
    assert "RESOLVED: `load`" in text and printed == text
    assert duck.rows(ALERTS) == [("run", "load", "alerted", 3), ("run", "load", "resolved", 3)]


@pytest.mark.long
@pytest.mark.parametrize(
    ("broken", "new_container"),
    [
        ("webhook", True),
        ("pager", False),
        pytest.param("webhook", False, marks=pytest.mark.variant),
        pytest.param("pager", True, marks=pytest.mark.variant),
    ],
)
def test_a_broken_channel_stops_no_other_and_is_tried_again(
    tenant: Tenant,
    duck: Engine,
    webhook: Webhook,
    pager: Paper,
    server: Any,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    broken: str,
    new_container: bool,
) -> None:
    assert tenant.run("load").code == 0
    tenant.set("CREDENTIALS__PASSWORD", "wrong")
    works, fails = (pager, webhook) if broken == "webhook" else (webhook, pager)
    with monkeypatch.context() as breaking:
        breaking.setattr(webhook, "status", 500 if broken == "webhook" else 200)
        if broken == "pager":
            breaking.setenv("PAGER", "broken")
        first, second = tenant.run("load"), tenant.run("load")
        # Each run tries the broken channel again, and tells the other one once.
        reason, where = ("HTTP 500", "`webhook_url`") if broken == "webhook" else ("no signal", "the battery")
        for outcome in (first, second):
            assert outcome.code == 3 and f"the alert was not sent: {reason}. Check {where}" in outcome.err
        (text,) = works.take()
        assert "FAILED: `load`" in text and fails.take() == []
        assert f"the last alert failed ({broken}): {reason}." in tenant.run("status").out
    if new_container:
        forget_local_state(tmp_path)
    assert tenant.run("load").code == 3
    (text,) = fails.take()
    assert "FAILED: `load`" in text and works.take() == []
    assert tenant.run("load").code == 3
    assert fails.take() == works.take() == []
    tenant.set("CREDENTIALS__PASSWORD", "secret")
    assert tenant.run("load").code == 0
    assert [["RESOLVED" in text for text in one.take()] for one in (works, fails)] == [[True], [True]]
    assert duck.rows(ALERTS) == [("run", "load", "alerted", 3), ("run", "load", "resolved", 3)]
