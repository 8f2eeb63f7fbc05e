"""Who uses what, what nobody uses, and who holds which role: rows equal to those computed from the raw rows in Python."""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from audit_source.events.decode import normalise_code
from pipelines.cli.report_tables import summary_tables
from pipelines.warehouse.reader import Reader
from tests.support import activity_truth as truth
from tests.support.activity_world import MODELS, NAMED, NAMELESS, PEOPLE, SYSTEM, draw_world
from tests.support.model_warehouse import Warehouse, open_shared_warehouse
from tests.support.raw_rows import Row, at

ROWS = draw_world(seed=14)
pytestmark = pytest.mark.usual_engine("duckdb")


@pytest.fixture(scope="module", params=["duckdb", "postgres"])
def activity(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Warehouse]:
    """The company, loaded in two steps: names and grants of the second half reach the days of the first."""
    folder: Path = tmp_path_factory.mktemp("activity")
    with open_shared_warehouse(request.param, request, folder) as warehouse:
        catalogue: list[Row] = [
            {"event_type_id": code, "event_type_code": normalise_code(code), "object_kind": kind}
            for code, kind in (("USR-13", "model"), ("USR-29", "user"))
        ]
        warehouse.load("2026-08-01 00:00", **{**ROWS, "events": _unnamed(), "event_types": catalogue})
        warehouse.enrich()
        warehouse.load("2026-08-02 00:00", events=[one for one in ROWS["events"] if one not in _unnamed()])
        warehouse.enrich()
        yield warehouse


def _unnamed() -> list[Row]:
    return [one for one in ROWS["events"] if not one.get("additional_attributes__target_user_name")]


def by_id(activity: Warehouse, table: str, *columns: str) -> dict[Any, tuple[Any, ...]]:
    return {row[0]: tuple(row[1:]) for row in activity.rows(table, *columns)}


def test_user_activity_equals_the_truth(activity: Warehouse) -> None:
    times = ("last_page_visit_at", "last_data_change_at", "last_action_at", "last_build_at")
    columns = ("idle_days", "idle_since", "usage_class", "user_label", *times)
    found, expected = by_id(activity, "user_activity", "user_id", *columns), truth.users(ROWS)
    assert found == expected
    assert {row[1] for row in found.values()} == {"event", "last login", "created", "first listed"}
    assert {row[2] for row in found.values()} == {None, "builder", "contributor", "reader", "dormant", "never came"}


def test_users_have_the_entitlements_of_now(activity: Warehouse) -> None:
    columns = ("user_id", "created_at", "is_entitled", "workspace_count")
    known = activity.rows("dim_users", *columns, where="created_at is not null")
    assert known == [
        (PEOPLE[0], at("2025-10-01 09:00"), True, 2),
        (PEOPLE[10], at("2025-11-05 09:00"), False, 0),
        (SYSTEM, at("2025-12-01 09:00"), False, 0),
    ]
    unknown = activity.rows("dim_users", "is_entitled", "workspace_count", where="created_at is null")
    assert set(unknown) == {(None, None)}


def test_nobody_in_the_directory_lacks_idle_days(activity: Warehouse) -> None:
    assert activity.rows("user_activity", "user_id", where="user_kind = 'person' and idle_days is null") == []
    unseen = activity.rows("user_activity", "is_seen", "days_idle", where=f"user_id = '{PEOPLE[10]}'")
    assert unseen == [(False, None)]


def test_model_activity_equals_the_truth(activity: Warehouse) -> None:
    columns = ("size_bytes", "growth_bytes", "event_count", "use_count", "use_count_30", "user_count")
    found = by_id(activity, "model_activity", "model_id", "idle_days", "idle_since", *columns, "last_user_label")
    assert found == truth.models(ROWS)
    unused = activity.rows("model_activity", "model_id", where="not is_used")
    assert unused == [(MODELS[6],), (MODELS[7],)]


def test_workspace_activity_equals_the_truth(activity: Warehouse) -> None:
    columns = ("size_bytes", "growth_bytes", "model_count", "unused_model_count")
    numbers = ("use_count", "use_count_30", "user_count")
    found = by_id(activity, "workspace_activity", "workspace_id", "idle_days", *columns, *numbers)
    assert found == truth.workspaces(ROWS)


def test_role_assignments_equal_the_truth(activity: Warehouse) -> None:
    columns = ("user_id", "model_id", "role_label", "from_at", "granted_by", "to_at", "end_reason", "ended_by")
    found = sorted(activity.rows("role_assignments", *columns), key=str)
    assert found == truth.assignments(ROWS)
    assert {row[6] for row in found} == {None, "revoked", "replaced", "user deleted", "user left"}
    assert "before the log" in {row[4] for row in found}
    assert activity.rows("role_assignments", "user_id", where="is_held and to_at is not null") == []


def test_the_report_shows_idle_licences_and_unused_models(activity: Warehouse) -> None:
    with ExitStack() as held:
        *_, licences, models, _ = summary_tables(Reader(activity.raw.destination, held, with_tables=False), rows=100)
    idle = [
        (label, usage, days, since)
        for user, (days, since, usage, label, *_) in truth.users(ROWS).items()
        if user in PEOPLE[:-2] and user != PEOPLE[3] and (usage in ("dormant", "never came") or days >= 30)
    ]
    assert sorted(licences.rows) == sorted(idle) != []
    unused = {row[0]: row[3:] for row in models.rows}
    assert unused == {f"M{number}": (*truth.models(ROWS)[MODELS[number]][:2], 0) for number in (6, 7)}


def test_facts_name_everybody_whom_any_list_or_event_names(activity: Warehouse) -> None:
    columns = ("user_id", "user_name", "user_name_source")
    named = {row for row in activity.rows("fct_events", *columns) if row[0] in (NAMED, NAMELESS, SYSTEM, PEOPLE[0])}
    assert named == {
        (NAMED, "named@x.com", "event"),
        (NAMELESS, None, "none"),
        (SYSTEM, None, "none"),
        (PEOPLE[0], "P0", "directory"),
    }


@pytest.mark.long
def test_increments_equal_a_full_refresh_and_pass_all_checks(activity: Warehouse) -> None:
    before = activity.tables()
    activity.enrich(full_refresh=True)
    assert activity.tables() == before
    assert [result.line() for result in activity.check() if not result.passed] == []
