"""A user can acknowledge a window whose total stays wrong. A change of its numbers opens it again."""

import json
import time
from pathlib import Path
from typing import Any

import pytest

from sandbox.server import Sandbox
from tests.conftest import Engine, Tenant, event, plain_server


@pytest.mark.long
@pytest.mark.usual_engine("duckdb")
def test_permanently_incomplete_window_can_be_acknowledged(tenant: Tenant, engine: Engine) -> None:
    # Noon of yesterday: one window, older than the overlap that each run fetches again.
    noon = int(time.time()) // 86_400 * 86_400_000 - 43_200_000
    sent: list[dict[str, Any]] = [event(number, noon + number * 60_000) for number in range(5)]
    withheld = sent[2]["id"]
    tenant.set("HISTORY_DAYS", 3)
    with plain_server(sent, {}, withhold=withheld) as server:
        tenant.at(server.url)
        first = tenant.run("load")
        assert first.code == 5 and "4 events arrived, 5 were reported" in first.err, first
        assert (
            tenant.run("acknowledge", "incomplete", "--note", "asked Anaplan").out == "acknowledged 1 that were open\n"
        )
        again = tenant.run("load")
        assert (again.code, again.err) == (0, ""), again
        shown = tenant.run("status", "--json")
        (window,) = json.loads(shown.out)["incomplete_windows"]
        assert (shown.code, window["acknowledged"]) == (0, True)
        assert (window["distinct_events"], window["reported_events"]) == (4, 5)
        # A late event changes the numbers of the same window.
        sent.append(event(9, noon + 420_000))
        other = tenant.run("load")
        assert other.code == 5 and "5 events arrived, 6 were reported" in other.err, other
        assert tenant.run("status").code == 1
        del server.shape["withhold"]
        assert tenant.run("load").code == 0
        assert tenant.run("status").code == 0
    assert engine.rows("select count(*) from anaplan_audit_raw.events") == [(6,)]


def problem_lines(tenant: Tenant) -> tuple[int, list[str]]:
    outcome = tenant.run("status")
    return outcome.code, [line for line in outcome.out.splitlines() if line.startswith("problem")]


@pytest.mark.long
@pytest.mark.parametrize("engine", ["duckdb"], indirect=True)
def test_status_reports_that_every_window_is_incomplete_until_acknowledged(tenant: Tenant, engine: Engine) -> None:
    with Sandbox(events=300, days=2, users=5, rate_limit=0) as sandbox:
        sandbox.faults.add("events:wrong-total:*")
        assert tenant.at(sandbox.url, password="sandbox").run("load").code == 5
    windows = engine.rows("select window_start, window_end, status from anaplan_audit_raw.event_windows order by 1")
    assert {status for _, _, status in windows} == {"incomplete"}

    code, lines = problem_lines(tenant)
    shown = [line.split(" is incomplete")[0].split("window ")[1] for line in lines]
    assert (code, shown) == (1, [f"{a:%Y-%m-%d %H:%M} UTC to {b:%Y-%m-%d %H:%M} UTC" for a, b, _ in windows])

    assert tenant.run("acknowledge", "incomplete").out == f"acknowledged {len(windows)} that were open\n"
    assert problem_lines(tenant) == (0, [])
    told = json.loads(tenant.run("status", "--json").out)
    ends = [told["freshness"]["covered_until"], told["coverage"]["until"]]
    assert ends == [windows[-1][1].isoformat(), windows[-1][1].isoformat()]
    assert (told["coverage"]["complete_windows"], told["freshness"]["not_covered"]) == (0, [])

    # An event type that was never requested is still missing.
    tenant.set("EVENT_TYPES", '["all", "byok"]')
    code, lines = problem_lines(tenant)
    assert (code, len(lines)) == (1, 1) and "no window of event type `byok` is complete yet" in lines[0]


@pytest.mark.parametrize("command", [["acknowledge", "gaps"], ["enrich"], ["check"]])
def test_commands_that_need_a_load_create_no_database(tenant: Tenant, database: Path, command: list[str]) -> None:
    outcome = tenant.at("http://127.0.0.1:9").run(*command)
    line = "audit: there are no tables yet: load first (python -m pipelines.audit run).\n"
    assert (outcome.code, outcome.err, outcome.out) == (2, line, "")
    assert not database.exists()


def test_acknowledge_reports_a_database_without_tables(tenant: Tenant, engine: Engine) -> None:
    if engine.kind == "duckdb":
        import duckdb

        duckdb.connect(engine.address).close()
    outcome = tenant.at("http://127.0.0.1:9").run("acknowledge", "gaps")
    assert outcome.code == 2 and "there are no tables yet" in outcome.err
    tables = "select table_name from information_schema.tables where table_schema like 'anaplan%'"
    assert engine.rows(tables) == []
