"""Each run is a row, and `status` reports the state of the pipeline from the tables alone."""

import hashlib
import json
import os
import shutil
import subprocess
import sys
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

from sandbox.api.certificates import make_key_pair
from tests.conftest import Engine, Tenant, plain_server
from tests.support.status_command import EVENTS, some_events, status, write
from tests.support.tenant_records import LISTS

OPEN_RUNS = "select command, exit_code, error, new_events, windows > 0, users_changed, load_seconds > 0, ended_at >= started_at from anaplan_audit_raw.runs order by started_at"


def test_runs_and_status_on_both_engines(tenant: Tenant, engine: Engine) -> None:
    with plain_server(some_events(), LISTS) as server:
        tenant.at(server.url, password="wrong-password")
        refused = tenant.run("load")
        assert refused.code == 3
        never = tenant.run("status")
        assert never.code == 1 and "nothing was loaded yet" in never.out
        tenant.at(server.url)
        assert tenant.run("load").code == 0
        assert tenant.run("load").code == 0

    line = refused.err.strip().removeprefix("audit: ")
    assert engine.rows(OPEN_RUNS) == [
        ("load", 3, line, 0, False, None, True, True),
        ("load", 0, None, EVENTS, True, 5, True, True),
        ("load", 0, None, 0, True, 0, True, True),
    ]
    code, told = status(tenant)
    assert (code, told["ok"], told["problems"], told["warnings"]) == (0, True, [], [])
    ((end, windows),) = engine.rows("select max(window_end), count(*) from anaplan_audit_raw.event_windows")
    assert datetime.fromisoformat(told["freshness"]["covered_until"]) == end
    assert 1 <= told["freshness"]["minutes_ago"] < 3
    assert told["coverage"]["complete_windows"] == windows
    assert [(run["command"], run["exit_code"]) for run in told["last_runs"]] == [("load", 0), ("load", 0), ("load", 3)]
    sizes = {table["table"]: table["rows"] for table in told["tables"]}
    assert (sizes["events"], sizes["users"], sizes["event_windows"], sizes["runs"]) == (EVENTS, 5, windows, 3)
    assert "wrong-password" not in json.dumps(told)

    assert tenant.run("status", "--max-age", "1m").code == 1
    assert tenant.run("status", "--max-age", "0.5h").code == 0
    assert tenant.run("status", "--max-age", "soon").code == 2

    write(
        engine,
        "update anaplan_audit_raw.event_windows set status = 'incomplete', distinct_events = 3, reported_events = 4 where window_start = (select max(window_start) from anaplan_audit_raw.event_windows)",
    )
    code, told = status(tenant, "--max-age", "2d")
    assert (code, [problem["kind"] for problem in told["problems"]]) == (1, ["incomplete"])
    assert (told["incomplete_windows"][0]["reported_events"], told["incomplete_windows"][0]["distinct_events"]) == (
        4,
        3,
    )
    assert "window " in tenant.run("status").out


@pytest.mark.parametrize("engine", ["postgres"], indirect=True)
def test_runs_table_of_an_older_version_gets_the_new_columns(tenant: Tenant, engine: Engine) -> None:
    with plain_server(some_events()) as server:
        tenant.at(server.url)
        assert tenant.run("load").code == 0
        write(engine, "alter table anaplan_audit_raw.runs drop column history_rows")
        assert status(tenant)[0] == 0 and tenant.run("status").code == 0
        write(engine, "alter table anaplan_audit_raw.runs drop column error")
        write(engine, "alter table anaplan_audit_raw.runs drop column host")
        assert tenant.run("load")[::2] == (0, "")
    assert engine.rows("select host is null, exit_code, error from anaplan_audit_raw.runs order by started_at") == [
        (True, 0, None), (False, 0, None),
    ]  # fmt: skip


def test_report_on_tables_of_an_older_version_says_what_to_do(tenant: Tenant, engine: Engine) -> None:
    with plain_server(some_events()) as server:
        tenant.at(server.url)
        assert tenant.run("load").code == 0
    write(engine, "create schema anaplan_audit")
    write(engine, "create table anaplan_audit.fct_sign_ins (outcome varchar)")
    report = tenant.run("report")
    assert report.code == 2 and "lack a column" in report.err and "pipelines.audit run" in report.err


@pytest.fixture(scope="module")
def loaded_once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a database that was loaded once, some seconds before the tests that copy it."""
    folder = tmp_path_factory.mktemp("loaded")
    with pytest.MonkeyPatch.context() as environment, plain_server(some_events()) as server:
        environment.setenv("DLT_DATA_DIR", str(folder / "dlt"))
        environment.setenv("DESTINATION__DUCKDB__CREDENTIALS", str(folder / "audit_log.duckdb"))
        environment.chdir(folder)
        assert Tenant(environment).at(server.url).run("load").code == 0
    return folder / "audit_log.duckdb"


@pytest.fixture
def loaded(tenant: Tenant, database: Path, loaded_once: Path) -> Tenant:
    shutil.copy(loaded_once, database)
    return tenant.at("http://127.0.0.1:9")


def test_status_changes_nothing_and_needs_no_credentials(loaded: Tenant, database: Path, tmp_path: Path) -> None:
    loaded.unset("CREDENTIALS__EMAIL")
    loaded.unset("CREDENTIALS__PASSWORD")

    def state() -> dict[str, Any]:
        files = sorted(path for path in tmp_path.rglob("*") if path.is_file())
        return {str(path): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}

    before = state()
    assert status(loaded)[0] == 0
    assert state() == before


def test_gap_stays_an_error_between_covered_spans(loaded: Tenant, duck: Engine) -> None:
    days = [datetime(2026, 1, day, tzinfo=timezone.utc) for day in (1, 2, 3)]
    for day in days[:2]:
        write(
            duck,
            f"insert into anaplan_audit_raw.event_windows (window_day, event_type, window_start, window_end, status, checked_at, _dlt_load_id) values (date '{day:%Y-%m-%d}', 'all', '{day}', '{day + timedelta(days=1)}', 'expired', now(), 'x')",
        )
    code, told = status(loaded)
    assert (code, [problem["kind"] for problem in told["problems"]]) == (1, ["gap"])
    assert told["gaps"] == [
        {"event_type": "all", "start": days[0].isoformat(), "end": days[2].isoformat(), "acknowledged": False}
    ]


def test_status_reads_a_database_without_a_runs_table(loaded: Tenant, duck: Engine) -> None:
    write(duck, "drop table anaplan_audit_raw.runs")
    write(duck, "drop table anaplan_audit_raw.alerts")
    code, told = status(loaded)
    sizes = {table["table"]: table["rows"] for table in told["tables"]}
    assert (code, told["last_runs"], sizes["events"]) == (0, [], EVENTS)
    assert "runs" not in sizes


def test_status_shows_a_killed_run(loaded: Tenant, duck: Engine) -> None:
    write(duck, "insert into anaplan_audit_raw.runs (run_id, command, started_at) values ('k', 'run', now())")
    code, told = status(loaded)
    assert code == 0 and len(told["warnings"]) == 1 and "was killed" in told["warnings"][0]
    assert told["last_runs"][0]["ended_at"] is None
    assert "killed" in loaded.run("status").out.split("Last runs")[1].splitlines()[2]


def test_event_type_that_was_never_loaded_is_not_fresh(loaded: Tenant) -> None:
    loaded.set("EVENT_TYPES", '["all", "byok"]')
    code, told = status(loaded)
    assert (code, told["freshness"]["covered_until"]) == (1, None)


def test_status_without_a_database_is_reported(tenant: Tenant, database: Path) -> None:
    code, told = status(tenant)
    assert (code, [problem["kind"] for problem in told["problems"]]) == (1, ["never_loaded"])
    assert str(database) in told["problems"][0]["text"]
    report = tenant.run("report")
    assert report.code == 2 and "there are no tables yet" in report.err
    assert not database.exists()


def test_status_of_an_invalid_database_file_is_reported(tenant: Tenant, database: Path) -> None:
    database.write_text("a shopping list " * 300)
    outcome = tenant.run("status")
    assert outcome.code == 2 and "is not a DuckDB database" in outcome.err


def test_status_waits_for_a_run_that_holds_the_database(
    loaded: Tenant, database: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    holder = subprocess.Popen(
        [sys.executable, "-c", f"import duckdb; c = duckdb.connect({str(database)!r}); print('open', flush=True); input()"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        assert holder.stdout is not None and holder.stdout.readline() == "open\n"
        outcome = loaded.run("status", "--wait", "0")
        assert outcome.code == 75 and str(holder.pid) in outcome.err and "still after 0 s" in outcome.err
        assert loaded.run("report", "--wait", "0").code == 75
        monkeypatch.setattr("pipelines.warehouse.duckdb.file.time.sleep", lambda _: holder.communicate("\n"))
        assert status(loaded)[0] == 0
    finally:
        holder.kill()
        holder.wait()


@pytest.mark.parametrize(("days", "says"), [(200, []), (20, ["in 19 days"]), (-1, ["the certificate expired"])])
def test_status_reports_certificate_expiry(
    loaded: Tenant, tmp_path: Path, days: int, says: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    now = datetime.now(timezone.utc)
    pair = make_key_pair(valid=(now - timedelta(days=300), now + timedelta(days=days)), bits=1024)
    path = tmp_path / "certificate.pem"
    path.write_text(pair.certificate if isinstance(pair.certificate, str) else pair.certificate.decode())
    for name in ("EMAIL", "PASSWORD"):
        loaded.unset(f"CREDENTIALS__{name}")
    loaded.set("CREDENTIALS__CERTIFICATE", path)
    loaded.set("CREDENTIALS__PRIVATE_KEY", "/nowhere/to/be/read.pem")
    code, told = status(loaded)
    assert code == 0 and len(told["warnings"]) == len(says)
    assert all(part in warning for part, warning in zip(says, told["warnings"], strict=True))
    assert told["sign_in"]["certificate_days_left"] == days - 1
    # In a chain, the certificate that belongs to the key counts, whatever the order.
    path.write_text(make_key_pair(bits=1024).certificate + path.read_text())
    loaded.set("CREDENTIALS__PRIVATE_KEY", pair.private_key)
    assert status(loaded)[1]["sign_in"]["certificate_days_left"] == days - 1


def test_secrets_are_removed_from_errors(tenant: Tenant, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from pipelines.common.redaction import redact

    tenant.set("CREDENTIALS__PASSWORD", "correct horse")
    tenant.set("CREDENTIALS__PRIVATE_KEY", tmp_path)
    monkeypatch.setenv("DESTINATION__POSTGRES__CREDENTIALS", "postgres://loader:b@ttery@db.example.com/audit")
    text = f"loader, correct horse, b@ttery, postgres://loader:staple@db.example.com/audit, key {tmp_path}"
    assert redact(text) == f"loader, ***, ***, postgres://loader:***@db.example.com/audit, key {tmp_path}"
    # A driver quotes the part of an address that it cannot parse, as dlt has written it.
    monkeypatch.setenv("DESTINATION__POSTGRES__CREDENTIALS__PASSWORD", "st@ple 100%")
    said = 'unexpected spaces found in "st%40ple 100%25", or st%40ple%20100%25, or st@ple 100%'
    assert redact(said) == 'unexpected spaces found in "***", or ***, or ***'
    assert os.environ["DESTINATION__POSTGRES__CREDENTIALS"] != redact(os.environ["DESTINATION__POSTGRES__CREDENTIALS"])


def test_counts_of_one_are_singular() -> None:
    from pipelines.monitoring.problems import duration
    from pipelines.publish.target import Published

    assert [duration(minutes) for minutes in (0, 1.2, 1.6, 119.4)] == [
        "0 minutes",
        "1 minute",
        "2 minutes",
        "119 minutes",
    ]
    assert [Published("x", n, n).line() for n in (1, 2)] == ["1 table, 1 row to x", "2 tables, 2 rows to x"]


@pytest.mark.parametrize("engine", ["duckdb", "postgres"], indirect=True)
def test_state_older_than_the_ledger_is_a_warning(tenant: Tenant, engine: Engine) -> None:
    """The result of a clock that was set back: dlt restores the state with the largest load id."""
    with plain_server(some_events()) as server:
        assert tenant.at(server.url).run("load").code == 0
        assert status(tenant)[1]["warnings"] == []
        write(engine, "update anaplan_audit_raw.event_windows set window_end = window_end + interval '1 minute'")
        code, told = status(tenant)
        assert (code, len(told["warnings"])) == (0, 1)
        assert "state of `all` is older than `event_windows`" in told["warnings"][0]
