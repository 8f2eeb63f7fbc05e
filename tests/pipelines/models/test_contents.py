"""Names of actions and integrations in facts, on DuckDB, and equal rows on PostgreSQL."""

from collections.abc import Iterator
from contextlib import ExitStack
from datetime import date, datetime, timedelta, timezone
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import pytest

from pipelines.cli.report_tables import format_table, summary_tables
from pipelines.transform import by_statements, plan
from pipelines.warehouse.reader import Reader
from tests.support import lists_of_models as world
from tests.support.history_rows import HISTORY
from tests.support.lists_of_models import (
    ACTION,
    ANN,
    BOB,
    COPY,
    DIRECTORY,
    EVENTS,
    EXPORT,
    GONE,
    IMPORT,
    LISTS,
    LOST,
    NEVER,
    NIGHTLY,
    OPS,
    PLAN,
    PROCESS,
    SALES,
    UNLISTED,
    WEEKLY,
    validity,
)
from tests.support.model_warehouse import Warehouse, open_shared_warehouse, open_warehouse
from tests.support.raw_rows import at, event
from tests.support.small_models import copy_models

NUMBERS = 971529164212789000
pytestmark = pytest.mark.usual_engine("duckdb")


@pytest.fixture(scope="module", params=["duckdb", "postgres"])
def facts(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Warehouse]:
    folder = tmp_path_factory.mktemp("contents")
    with open_shared_warehouse(request.param, request, folder) as warehouse:
        # The lists come a run later than the events, as on a large tenant.
        warehouse.load(events=EVENTS, **DIRECTORY, **HISTORY)
        warehouse.enrich()
        warehouse.load(**LISTS)
        warehouse.first = warehouse.enrich()
        warehouse.results = warehouse.check()
        yield warehouse


def by_number(facts: Warehouse, *columns: str, table: str = "fct_events") -> dict[int, tuple[Any, ...]]:
    return {number - NUMBERS: tuple(values) for number, *values in facts.rows(table, "event_id", *columns)}


def test_an_action_has_the_name_of_its_model_at_the_time(facts: Warehouse) -> None:
    found = by_number(facts, "action_kind", "action_name", "object_status")
    assert found[1] == ("import", "Load actuals", "named")
    assert found[2] == ("import", "Load budget", "named")
    assert found[6] == ("action", "Old one", "named")
    assert found[7] == ("action", "Old one", "deleted")
    assert found[8] == ("action", None, "unknown")
    assert found[12] == ("action", None, "unknown")
    # Nobody read the lists of these models: the status is that of the model.
    assert found[13] == ("action", None, "named")
    assert found[14] == ("action", None, "unknown")
    assert found[15] == ("action", "unsaved action", "named")
    assert found[20] == (None, None, "named")


def test_exports_have_the_name_and_format_of_their_time(facts: Warehouse) -> None:
    columns = ("user_name", "export_name", "export_format", "model_name")
    found = by_number(facts, *columns, table="fct_model_changes")
    assert found[3] == ("Ann Lee", "P&L", "text/csv", "Plan")
    assert found[4] == ("Ann Lee", "P&L v3", "text/plain", "Plan")
    assert found[5] == ("Ann Lee", "As sent", "text/csv", "Copy")
    assert found[16] == ("Ann Lee", "Grid", "xlsx", "Plan")
    assert found[1][1:3] == (None, None)


def test_imports_and_processes_need_no_join(facts: Warehouse) -> None:
    found = by_number(facts, "model_name", "import_name", "process_name", "action_kind", table="fct_model_changes")
    assert found[1] == ("Plan", "Load actuals", None, "import")
    assert found[9] == ("Plan", None, "Nightly", "process")
    assert found[10] == ("Copy", None, "Month end", "process")
    assert found[11] == ("Plan", None, "Nightly", "process")
    assert found[17] == ("Plan", "Load actuals", "Nightly", "import")
    assert by_number(facts, "object_kind", "object_name", "object_status")[11] == ("process", "Nightly", "named")


def test_an_integration_event_has_name_model_and_workspace(facts: Warehouse) -> None:
    columns = ("integration_name", "object_name", "model_id", "model_name", "workspace_id", "workspace_name")
    found = by_number(facts, *columns)
    assert found[20] == ("Nightly load", "Nightly load", PLAN.lower(), "Plan", SALES, "Sales")
    assert found[21] == ("Nightly load 2", "Nightly load 2", COPY.lower(), "Copy", SALES, "Sales")
    assert found[22][0] == "Weekly" and found[22][2:] == (LOST.lower(), None, OPS, None)
    assert found[23] == ("As sent", "As sent", None, None, None, None)
    assert found[24][:4] == ("Nightly load 2", "Nightly load 2", PLAN.lower(), "Plan")
    changes = by_number(facts, "integration_name", "model_name", "outcome", table="fct_platform_changes")
    assert changes[21] == ("Nightly load 2", "Copy", "failed")


def test_actions_are_listed_version_by_version(facts: Warehouse) -> None:
    columns = ("kind", "action_id", "version", "action_name", "is_current", "is_removed", "starts_at", "ends_at")
    plan = facts.rows("dim_actions", *columns, where=f"model_id = '{PLAN.lower()}'")
    first, last = at("1900-01-01 00:00"), at("2100-01-01 00:00")
    renamed = at("2026-03-05 00:00")
    assert plan == [
        ("action", ACTION, 1, "Tidy up", True, False, first, last),
        ("action", GONE, 1, "Old one", True, True, first, last),
        ("export", EXPORT, 1, "P&L", False, False, first, renamed),
        ("export", EXPORT, 2, "P&L v3", True, False, renamed, last),
        ("import", IMPORT, 1, "Load actuals", True, False, first, last),
        ("process", PROCESS, 1, "Nightly", True, False, first, last),
    ]
    process = facts.row("dim_actions", "model_name", "step_count", where="action_name = 'Nightly'")
    assert process == ("Plan", 3)
    assert facts.rows("dim_actions", where="kind = 'none'") == []


def test_steps_of_a_process(facts: Warehouse) -> None:
    columns = ("step_number", "process_name", "action_name", "action_kind", "action_type")
    assert facts.rows("dim_process_steps", *columns) == [
        (1, "Nightly", "Load actuals", "import", "MODULE_DATA"),
        (2, "Nightly", "P&L v3", "export", None),
        (3, "Nightly", "Lost", None, None),
    ]


def test_integrations_are_listed_version_by_version(facts: Warehouse) -> None:
    columns = ("integration_id", "version", "integration_name", "model_name", "process_name", "created_by_user_id")
    assert facts.rows("dim_integrations", *columns) == [
        (NIGHTLY, 1, "Nightly load", "Plan", "Nightly", None),
        (NIGHTLY, 2, "Nightly load 2", "Copy", "Month end", BOB),
        (WEEKLY, 1, "Weekly", None, None, None),
    ]
    assert facts.row("dim_integrations", "is_removed", "workspace_id", where="integration_name = 'Weekly'") == (
        True,
        OPS,
    )


def test_runs_of_integrations(facts: Warehouse) -> None:
    columns = ("run_id", "integration_name", "model_name", "workspace_name", "process_name", "user_id", "outcome")
    assert facts.rows("fct_integration_runs", *columns) == [
        ("r1", "Nightly load", "Plan", "Sales", "Nightly", BOB, "success"),
        ("r2", "Nightly load 2", "Copy", "Sales", "Month end", BOB, "failure"),
        ("r3", "Nightly load 2", "Copy", "Sales", "Month end", None, "failure"),
        ("r4", "Nightly load 2", "Copy", "Sales", "Month end", None, "success"),
        ("r5", "Weekly", None, None, None, None, "unknown"),
        ("r6", None, None, None, None, None, "failure"),
    ]
    columns = ("run_id", "seconds", "is_scheduled", "trigger_source", "error_code", "message")
    assert facts.rows("fct_integration_runs", *columns)[:3] == [
        ("r1", 7, True, "scheduled", None, None),
        ("r2", 9, False, "manual", "101", "no source"),
        ("r3", 9, True, "scheduled_inf", None, None),
    ]
    assert facts.row("fct_integration_runs", "integration_id", where="run_id = 'r6'") == (UNLISTED,)


def test_the_report_lists_failing_integrations(facts: Warehouse) -> None:
    with ExitStack() as stack:
        table = summary_tables(Reader(facts.raw.destination, stack))[-1]
    assert [row[:4] for row in table.rows] == [("Nightly load 2", "Copy", 4, 2), (UNLISTED, None, 1, 1)]
    lines = format_table(table, 150)
    assert lines[1] == "Failing integrations"
    assert lines[3].split()[-3:] == ["2026-03-07", "10:00", "-"]


def test_entitlements(facts: Warehouse) -> None:
    columns = ("user_id", "workspace_id", "period", "user_name", "workspace_name", "is_current")
    assert facts.rows("dim_user_entitlements", *columns) == [
        (ANN, SALES, 1, "Ann Lee", "Sales", False),
        (ANN, SALES, 2, "Ann Lee", "Sales", True),
        ("c0" * 16, OPS, 1, None, "Operations", True),
    ]


@pytest.mark.long
def test_lists_that_come_later_give_the_rows_of_a_full_refresh(facts: Warehouse) -> None:
    """Every day with an action or integration was touched, and every check passes."""
    days = {row["event_day"] for row in EVENTS}
    assert facts.first.days == sorted(days)
    assert [result.line() for result in facts.results if not result.passed] == []
    before = facts.tables()
    del before["check_results"]
    assert facts.enrich(full_refresh=True).days is None
    after = facts.tables()
    del after["check_results"]
    assert after == before


@pytest.mark.long
def test_postgres_gives_equal_rows_from_one_load(
    request: pytest.FixtureRequest, facts: Warehouse, tmp_path: Path
) -> None:
    with open_warehouse("postgres", request, tmp_path) as warehouse:
        warehouse.load(events=EVENTS, **DIRECTORY, **LISTS, **HISTORY)
        warehouse.enrich()
        found, expected = warehouse.tables(), facts.tables()
    del expected["check_results"]
    assert found == expected
    assert expected["fct_model_history"] and expected["fct_integration_runs"]


@pytest.mark.long
def test_a_change_of_a_list_touches_the_days_that_it_names(
    warehouse: Warehouse, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    models = copy_models(tmp_path / "facts", ("fct_events",))
    old = event(90, "USR-20", "2026-01-01 08:00", user_id=ANN, object_id=PLAN.lower(), attr_action_id=NEVER)
    warehouse.load(events=[*EVENTS, old], **DIRECTORY)
    warehouse.load(**LISTS)
    warehouse.enrich(models)
    assert warehouse.enrich(models).days == []
    # An action that is new in a known model: only events of that action, and for old ones only once a day.
    actions = [*world.ACTIONS, world.listed(PLAN, "action", NEVER, "Now known", "2026-03-20 00:00")]
    warehouse.load(model_actions=actions)
    assert warehouse.enrich(models).days == [date(2026, 3, 4)]
    names = {8: "Now known", 90: None}
    assert {number: by_number(warehouse, "action_name")[number][0] for number in names} == names
    # Renamed: only events from then on. A model that is read for the first time: every event that runs something.
    renamed = {**actions[0], **validity("2026-03-02 00:00", "2026-03-21 00:00")}
    later = world.listed(PLAN, "import", IMPORT, "Load more", "2026-03-21 00:00")
    unread = world.listed(world.UNREAD, "action", GONE, "Other", "2026-03-21 00:00")
    warehouse.load(model_actions=[renamed, later, *actions[1:], unread])
    assert warehouse.enrich(models).days == [date(2026, 3, 4)]
    unknown = warehouse.row("fct_events", "object_status", where=f"event_id = {NUMBERS + 13}")
    assert unknown == ("unknown",)
    # An integration that is new touches its events.
    known = world.integration(UNLISTED, "Now listed", PLAN, "2026-03-22 00:00")
    warehouse.load(integrations=[*world.INTEGRATIONS, known])
    assert warehouse.enrich(models).days == [date(2026, 3, 7)]
    # Old days follow with the first enrichment of a day.
    tomorrow = datetime.now(timezone.utc) + timedelta(days=1)
    monkeypatch.setattr(plan, "datetime", Mock(now=lambda _: tomorrow))
    assert date(2026, 1, 1) in (warehouse.enrich(models).days or ())
    assert by_number(warehouse, "action_name")[90] == ("Now known",)
    assert warehouse.enrich(models).days == []
    incremental = warehouse.rows("fct_events")
    warehouse.enrich(models, full_refresh=True)
    assert warehouse.rows("fct_events") == incremental


@pytest.mark.long
def test_a_table_without_new_input_is_not_written(
    warehouse: Warehouse, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lists = ("dim_actions", "dim_integrations", "dim_process_steps", "dim_user_entitlements")
    models = copy_models(tmp_path / "facts", ("fct_events", *lists))
    written: list[str] = []
    change = by_statements.model_change

    def recorded(load: Any, datasets: Any, enrichment: Any, model: Any, *others: Any) -> Any:
        written.append(model.name)
        return change(load, datasets, enrichment, model, *others)

    def written_tables() -> set[str]:
        written.clear()
        warehouse.enrich(models)
        # Summaries by key, which any change of their inputs rewrites.
        return set(written) - {"event_ids", "event_user_names", "id_days"}

    monkeypatch.setattr(by_statements, "model_change", recorded)
    warehouse.load(events=EVENTS, **DIRECTORY)
    warehouse.load(**LISTS)
    assert written_tables() == {"fct_events", *lists}
    warehouse.load("2026-03-20 00:00", events=[event(90, "USR-8", "2026-03-19 08:00", user_id=ANN)])
    assert written_tables() == {"fct_events"}
    # An integration's process is an action.
    warehouse.load(model_actions=[*world.ACTIONS, world.listed(PLAN, "action", NEVER, "Now known", "2026-03-20 00:00")])
    assert written_tables() == {"fct_events", "dim_actions", "dim_integrations", "dim_process_steps"}
    assert warehouse.rows("dim_actions", "action_name", where=f"action_id = '{NEVER}'") == [("Now known",)]
    ended = [
        {**one, "_dlt_valid_to": validity("2026-03-01 00:00", "2026-03-21 00:00")["_dlt_valid_to"]}
        for one in LISTS["user_entitlements"]
    ]
    warehouse.load(user_entitlements=ended)
    assert written_tables() == {"dim_user_entitlements"}
    incremental = warehouse.tables()
    warehouse.load("2026-03-22 00:00", events=[event(91, "USR-8", "2026-03-19 09:00", user_id=ANN)])
    tomorrow = datetime.now(timezone.utc) + timedelta(days=1)
    monkeypatch.setattr(plan, "datetime", Mock(now=lambda _: tomorrow))
    assert written_tables() == {"fct_events", *lists}
    after = warehouse.tables()
    assert {name: after[name] for name in lists} == {name: incremental[name] for name in lists}
