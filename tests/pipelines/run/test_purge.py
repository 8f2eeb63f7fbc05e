"""Purged days leave every table, no later run loads them again, and the next run completes a killed purge."""

import json
import os
import shutil
import signal
import time
from datetime import date, datetime, timedelta, timezone
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from tests.conftest import Engine, Tenant, event, plain_server
from tests.support.children import Child
from tests.support.crash_world import use_models
from tests.support.killing import kill_at
from tests.support.month import BY_DAY, EVENTS, database_of_a_month
from tests.support.plain_server import PlainServer
from tests.support.published_tables import tables_of
from tests.support.small_models import with_models
from tests.support.tenant_records import LISTS

DAY = datetime.now(timezone.utc).date() - timedelta(days=10)
MIDNIGHT = int(datetime(DAY.year, DAY.month, DAY.day, tzinfo=timezone.utc).timestamp() * 1000)
KEPT = [(sent["id"],) for sent in EVENTS if sent["eventDate"] >= MIDNIGHT]


def asked_before(server: PlainServer) -> list[str]:
    """Return the requests for events of days before the first kept day."""
    queries = [parse_qs(urlsplit(path).query) for path in server.requests if "events" in path]
    return [str(query) for query in queries if int(query["dateFrom"][0]) < MIDNIGHT]


def without_records(engine: Engine) -> dict[str, list[tuple]]:
    return {name: rows for name, rows in tables_of(engine).items() if name != "check_results"}


def expect_purged(engine: Engine) -> None:
    with engine.opened() as ask:
        assert ask("select id from anaplan_audit_raw.events order by id") == KEPT
        assert ask("select event_id from anaplan_audit.fct_events order by event_id") == KEPT
        for table in BY_DAY:
            assert ask(f"select count(*) from anaplan_audit.{table} where event_day < date '{DAY}'") == [(0,)]
        assert ask("select sum(events) from anaplan_audit.user_activity") == [(len(KEPT),)]
        assert ask(f"select count(*) from anaplan_audit_raw.event_days where event_day < date '{DAY}'") == [(0,)]
        statuses = f"select distinct status, window_day < date '{DAY}' from anaplan_audit_raw.event_windows order by 1"
        assert ask(statuses) == [("complete", False), ("purged", True)]


@pytest.mark.usual_engine("duckdb")
@with_models("month_models")
def test_purged_days_are_deleted_and_not_loaded_again(tenant: Tenant, engine: Engine) -> None:
    with plain_server(EVENTS, LISTS) as server:
        tenant.at(server.url)
        assert tenant.run("run").code == 0
        windows = engine.rows(
            f"select sum(distinct_events) from anaplan_audit_raw.event_windows where window_day < date '{DAY}'"
        )
        purged = tenant.run("purge", "--older-than", "10d", "--yes")
        assert (purged.code, purged.err) == (0, "")
        gone = len(EVENTS) - len(KEPT)
        assert f"{gone:>14,}  fct_events" in purged.out and f"purged    {gone} events" in purged.out
        expect_purged(engine)
        days = engine.rows(
            "select table_schema, table_name from information_schema.columns where column_name = 'event_day'"
        )
        assert len(days) > len(BY_DAY)
        with engine.opened() as ask:
            for schema, table in days:
                assert ask(f"select count(*) from {schema}.{table} where event_day < date '{DAY}'") == [(0,)], table
        # What the windows brought stays to be seen; users and their history stay.
        assert windows == [(gone,)]
        assert engine.rows("select count(*) from anaplan_audit_raw.users") == [(5,)]
        [(before, events, account, through)] = engine.rows(
            "select before_day, events, account, ended_at is not null from anaplan_audit_raw.purges"
        )
        assert (before, events, bool(account), through) == (DAY, gone, True, True)
        assert engine.rows("select exit_code from anaplan_audit_raw.runs where command = 'purge'") == [(0,)]

        # Anaplan still has these days, and one of them has even grown.
        server.events = sorted([*EVENTS, event(5000, MIDNIGHT - 3_600_000)], key=lambda sent: sent["eventDate"])
        server.requests.clear()
        for arguments in (["run"], ["load", "--since", str(DAY - timedelta(5))]):
            again = tenant.run(*arguments)
            assert (again.code, again.err.count("LOST")) == (0, 0) and "loaded    0 new events, 0" in again.out
        # The last one asked for purged days.
        assert again.err == f"audit: --since: the days before {DAY} 00:00 UTC were purged. They are not loaded again.\n"
        assert asked_before(server) == []
        expect_purged(engine)
        kept = without_records(engine)
        assert tenant.run("enrich", "--full-refresh").code == 0
        assert without_records(engine) == kept
    status = json.loads(tenant.run("status", "--json").out)
    assert (status["gaps"], status["problems"]) == ([], [])
    assert datetime.fromisoformat(status["coverage"]["from"].replace("Z", "+00:00")).date() >= DAY


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return database_of_a_month(tmp_path_factory)


@pytest.fixture
def loaded(tenant: Tenant, prepared: Path, database: Path) -> Tenant:
    shutil.copy(prepared, database)
    return tenant


@pytest.mark.long
@pytest.mark.parametrize(("when", "next_command"), [("before", "purge"), ("after", "run")])
def test_killed_purge_is_completed(
    loaded: Tenant, duck: Engine, tmp_path: Path, month_models: Path, when: str, next_command: str
) -> None:
    purge = ["purge", "--before", str(DAY), "--yes"]
    with plain_server(EVENTS, LISTS) as server:
        loaded.at(server.url)
        prepare = (use_models, str(month_models)), (kill_at, "pipelines.run.purge:_delete_raw", when, 1)
        assert Child(tmp_path, dict(os.environ), purge, prepare).end().code == -signal.SIGKILL
        outcome = loaded.run(*(purge if next_command == "purge" else ["run"]))
        assert (outcome.code, outcome.err) == (0, "")
        assert asked_before(server) == []
    expect_purged(duck)
    through = [(False,), (True,)] if next_command == "purge" else [(False,)]
    assert duck.rows("select ended_at is not null from anaplan_audit_raw.purges order by started_at") == through


def test_purge_without_confirmation_deletes_nothing(
    loaded: Tenant, duck: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    purge = ["purge", "--before", str(DAY)]
    unasked = loaded.run(*purge)
    assert unasked.code == 2 and "--yes" in unasked.err
    monkeypatch.setattr("pipelines.cli.purge_dialogue.is_terminal", lambda: True)
    monkeypatch.setattr("click.confirm", lambda text: False)
    refused = loaded.run(*purge)
    assert refused.code == 0 and refused.out.endswith("Nothing was removed.\n")
    tomorrow = date.today() + timedelta(days=2)
    future = loaded.run("purge", "--before", str(tomorrow), "--yes")
    assert future.code == 2 and "is in the future" in future.err
    assert duck.rows("select count(*) from anaplan_audit_raw.events") == [(60,)]


def test_purge_without_a_database_is_reported(tenant: Tenant, database: Path, monkeypatch: Any) -> None:
    monkeypatch.setattr("pipelines.cli.purge_dialogue.is_terminal", lambda: False)
    assert tenant.run("purge", "--before", str(DAY)).code == 2
    assert not database.exists()


@pytest.mark.comments
@with_models("few_models")
def test_purged_texts_leave_the_file_and_older_copies(
    tenant: Tenant, duck: Engine, database: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Deleted rows would stay in freed blocks of the DuckDB file and in the previous version of a copy."""
    now = int(time.time() * 1000)
    old = [event(n, now - 5 * 86_400_000 - n * 1000, message=f"purge-me-{n:06d}") for n in range(300)]
    new = [event(1000 + n, now - 600_000 - n * 1000) for n in range(20)]
    tenant.set("HISTORY_DAYS", 8)
    copies = tmp_path / "copies"
    monkeypatch.setenv("PIPELINES__ANAPLAN_AUDIT_ENRICH__PUBLISH_TO", str(copies))
    with plain_server(old + new, {}) as server:
        tenant.at(server.url)
        assert tenant.run("run").code == 0
        import duckdb

        with duckdb.connect(str(database)) as connection:
            # As text: the bytes can be looked for.
            connection.execute("pragma force_compression = 'uncompressed'")
            connection.execute("create table anaplan_audit_raw.plain as from anaplan_audit_raw.events")
            connection.execute("checkpoint")
            connection.execute("drop table anaplan_audit_raw.plain")
        assert b"purge-me-000007" in database.read_bytes()
        day = datetime.fromtimestamp(now / 1000 - 86_400, timezone.utc).date()
        outcome = tenant.run("purge", "--before", str(day), "--yes")
        assert outcome.code == 0, outcome
        assert "Not reached: backups" in outcome.out
        assert b"purge-me" not in database.read_bytes()
        assert len([path for path in tmp_path.iterdir() if path.name.startswith(".copies.")]) == 1
        assert tenant.run("run").code == 0
    assert duck.rows("select count(*) from anaplan_audit.fct_events") == [(20,)]
    comments = "select count(*) from duckdb_tables() where comment is not null and schema_name = 'anaplan_audit'"
    assert duck.rows(comments)[0][0] >= 4


def test_purge_without_a_load_creates_nothing(tenant: Tenant, database: Path) -> None:
    tenant.at("http://127.0.0.1:9")
    outcome = tenant.run("purge", "--before", "2020-01-01", "--yes")
    assert outcome.code == 0 and outcome.out.endswith("Nothing was loaded yet.\n") and not database.exists()


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ([], "Give either --before DATE or --older-than DAYS."),
        (["--before", "2026-01-01", "--older-than", "9d"], "Give either"),
        (["--older-than", "9w"], "Write it as 400d."),
    ],
)
def test_purge_needs_one_limit(tenant: Tenant, arguments: list[str], says: str) -> None:
    ended = tenant.run("purge", *arguments)
    assert ended.code == 2 and says in ended.err
