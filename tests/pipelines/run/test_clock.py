"""Wrong local clocks, fast, slow or set back between runs: Anaplan's clock decides."""

import time
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from dlt.common.versioned_state import decompress_state

from sandbox.server import Sandbox
from tests.conftest import Engine, Tenant

HOUR = 3600.0
pytestmark = pytest.mark.usefixtures("no_details")
SMALL: dict[str, Any] = {"events": 300, "days": 5, "users": 10, "rate_limit": 0, "weekend": 1.0, "server_date": True}
RAW = "anaplan_audit_raw"


@pytest.fixture
def sandbox(tenant: Tenant) -> Iterator[Sandbox]:
    with Sandbox(**SMALL) as running:
        tenant.at(running.url, "auditor@example.com", "sandbox")
        tenant.set("HISTORY_DAYS", 5)
        yield running


def set_clock(monkeypatch: pytest.MonkeyPatch, hours: float) -> None:
    """Set this machine's clock off by some hours, for dlt's load ids and versions too, as in a new process."""
    real = time.time_ns

    def wrong() -> float:
        return real() / 1e9 + hours * HOUR

    # dlt holds a reference to the function, and its load ids never decrease within one process.
    for name in ("time.time", "dlt.common.time.precise_time", "dlt.common.storages.load_package.precise_time"):
        monkeypatch.setattr(name, wrong)
    monkeypatch.setattr("dlt.common.time.increasing_precise_time._last", 0.0)


def loaded(engine: Engine) -> set[int]:
    return {row[0] for row in engine.rows(f"select id from {RAW}.events")}


def held(sandbox: Sandbox) -> set[int]:
    """Return the events that a run must have loaded: all except those of the last minutes."""
    return {sent["id"] for sent in sandbox.truth() if sent["eventDate"] < sandbox.now_ms - 120_000}


# More in `tests/torture/test_attacks.py`.
@pytest.mark.usual_engine("duckdb")
@pytest.mark.parametrize(
    ("hours", "ready_token"),
    [
        pytest.param(40 * 24.0, False, marks=pytest.mark.variant),
        pytest.param(6.0, True, marks=pytest.mark.usual_engine("duckdb")),
        (-3.0, False),
    ],
)
def test_wrong_local_clock_plans_by_anaplans_clock(
    tenant: Tenant, engine: Engine, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, hours: float, ready_token: bool
) -> None:
    # Two checks of a clock that runs would count other days if an event expired between them.
    sandbox.set_clock(sandbox.now_ms)
    if ready_token:
        token = sandbox.issue_token()
        tenant.unset("CREDENTIALS__EMAIL")
        tenant.unset("CREDENTIALS__PASSWORD")
        tenant.set("CREDENTIALS__ACCESS_TOKEN", token)
    with monkeypatch.context() as wrong:
        set_clock(wrong, hours)
        access = tenant.run("check-access")
        outcome = tenant.run("load")
    assert (access.code, outcome.code) == (0, 0)
    assert access.out == tenant.run("check-access").out, "the same 30 days are counted"
    said = f"this machine's clock is {abs(hours) / 24 if abs(hours) > 36 else abs(hours):.1f}"
    assert said in access.err and said in outcome.err
    assert held(sandbox) <= loaded(engine)
    now = datetime.now(timezone.utc)
    ends = engine.rows(f"select max(window_end) from {RAW}.event_windows where status = 'complete'")[0][0]
    assert abs(ends - now) < timedelta(minutes=10)
    begins = engine.rows(f"select max(_dlt_valid_from) from {RAW}.users")[0][0]
    assert abs(begins - now) < timedelta(minutes=10)
    # With a correct clock, the next run continues from there.
    outcome = tenant.run("load")
    assert (outcome.code, outcome.err) == (0, "")


@pytest.mark.long
@pytest.mark.usual_engine("duckdb")
def test_ledger_with_future_windows_is_repaired(
    tenant: Tenant, engine: Engine, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An older version with a clock two days ahead wrote complete windows for future days."""
    sandbox.settings.server_date = False
    with monkeypatch.context() as wrong:
        set_clock(wrong, 50)
        wrong.setattr("audit_source.client.Client.now_ms", lambda _: int(time.time() * 1000))
        assert tenant.run("load").code == 0
    assert "in the future" in tenant.run("status").out
    status = tenant.run("status")
    assert status.code == 1 and "stale" in status.out and "-" not in status.out.split("stale")[1].split("\n")[0][20:]
    outcome = tenant.run("load")
    assert outcome.code == 0 and "a clock ahead of Anaplan's had written" in outcome.err
    assert held(sandbox) <= loaded(engine)
    assert engine.rows(f"select count(*) from {RAW}.event_windows where window_end > now()") == [(0,)]
    assert tenant.run("status").code == 0


@pytest.mark.long
@pytest.mark.usual_engine("duckdb")
@pytest.mark.usefixtures("user_model")
def test_clock_set_back_loses_neither_state_nor_history(
    tenant: Tenant, engine: Engine, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    sandbox.settings.server_date = False
    users = sandbox.users()
    assert tenant.run("run").code == 0
    with monkeypatch.context() as wrong:
        set_clock(wrong, -2)
        sandbox.rename_user(users[0]["id"], firstName="Renamed")
        first = tenant.run("run")
        assert first.code == 0, first
        sandbox.rename_user(users[0]["id"], firstName="Renamed again")
        second = tenant.run("run")
        assert second.code == 0, second
    assert "loaded    0 new events" in second.out
    rows = engine.rows(
        f"select first_name, _dlt_valid_from, _dlt_valid_to from {RAW}.users where id = '{users[0]['id']}' order by 2"
    )
    assert [row[0] for row in rows] == [users[0]["firstName"], "Renamed", "Renamed again"]
    assert all(begin < end for _, begin, end in rows[:-1]) and rows[-1][2] is None
    (current,) = engine.rows(
        f"select first_name, is_removed from anaplan_audit.dim_users where user_id = '{users[0]['id']}' and is_current"
    )
    assert current == ("Renamed again", False)


@pytest.mark.usual_engine("duckdb")
def test_slow_local_clock_ends_the_run_if_anaplans_clock_is_unknown(
    tenant: Tenant, engine: Engine, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert tenant.run("load").code == 0
    before = engine.rows(f"select count(*), max(checked_at) from {RAW}.event_windows")
    with monkeypatch.context() as wrong:
        wrong.setattr("audit_source.client.Client.record_server_clock", lambda *_: None)
        set_clock(wrong, -48)
        outcome = tenant.run("load")
    assert outcome.code == 2 and "Set the clock, then run again. Nothing was recorded." in outcome.err
    assert engine.rows(f"select count(*), max(checked_at) from {RAW}.event_windows") == before


def test_missing_date_headers_are_reported_once(
    tenant: Tenant, duck: Engine, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("audit_source.client.Client.record_server_clock", lambda *_: None)
    outcome = tenant.run("load")
    assert outcome.err == "audit: Anaplan's answers carry no date: the run goes by this machine's clock.\n"
    assert outcome.code == 0


@pytest.mark.long
@pytest.mark.usual_engine("duckdb")
def test_next_run_completes_a_killed_repair(
    tenant: Tenant, engine: Engine, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The load repairs the ledger. Rows of future days are removed after it."""
    sandbox.settings.server_date = False
    with monkeypatch.context() as wrong:
        set_clock(wrong, 50)
        wrong.setattr("audit_source.client.Client.now_ms", lambda _: int(time.time() * 1000))
        assert tenant.run("load").code == 0
    with monkeypatch.context() as killed:
        killed.setattr("pipelines.run.load._remove_future_windows", lambda *_: 1 / 0)
        assert tenant.run("load").code == 1
    future = f"select count(*) from {RAW}.event_windows where window_end > now()"
    assert engine.rows(future)[0][0] > 0
    assert tenant.run("load").code == 0
    assert engine.rows(future) == [(0,)]
    assert tenant.run("status").code == 0


@pytest.mark.long
@pytest.mark.usual_engine("duckdb")
@pytest.mark.usefixtures("few_models")
def test_purge_survives_the_restore_of_an_older_state(
    tenant: Tenant, engine: Engine, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An older version gave a purge a smaller load id than the state before it, after the clock had been set back."""
    sandbox.settings.server_date = False
    assert tenant.run("run").code == 0
    kept_from = (datetime.now(timezone.utc) - timedelta(days=1)).date()
    with monkeypatch.context() as old:
        old.setattr("pipelines.warehouse.pipelines.keep_rising", lambda *_: None)
        set_clock(old, -2)
        assert tenant.run("purge", "--before", str(kept_from), "--yes").code == 0
    (newest,) = engine.rows(f"select state from {RAW}._dlt_pipeline_state order by _dlt_load_id desc limit 1")
    assert "purged_before" not in str(decompress_state(newest[0]))
    before = f"select count(*) from {RAW}.events where event_day < date '{kept_from}'"
    assert engine.rows(before) == [(0,)]
    for command in (["load"], ["load", "--since", "2020-01-01"], ["run"]):
        outcome = tenant.run(*command)
        assert outcome.code == 0, outcome
        assert engine.rows(before) == [(0,)]
