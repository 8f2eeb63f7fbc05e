"""Hourly runs read the touched days only, and leave the same rows as a rebuild from all days."""

import re
import shutil
from collections.abc import Iterator
from datetime import date, datetime, timedelta, timezone
from pathlib import Path
from unittest.mock import Mock

import pytest

from pipelines.transform import plan
from pipelines.transform.materialize import run_layer
from tests.support import scenario
from tests.support.model_warehouse import Warehouse, open_warehouse
from tests.support.raw_rows import Row, at, event, version
from tests.support.scans import scans_of
from tests.support.scenario import ANN, BOB, GHOST, GONE, PLAN

# Bounds of days may be too wide until the next UTC day.
BOUNDS = "id_days"
pytestmark = pytest.mark.usual_engine("duckdb")


def named(number: int, when: str, user: str, name: str) -> Row:
    """An event that gives a user a name."""
    told = event(number, "USR-21", when, user_id=ANN, attr_target_user_id=user.upper())
    return told | {"additional_attributes__target_user_name": name}


@pytest.fixture(params=["duckdb", "postgres"])
def world(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Warehouse]:
    if request.param == "duckdb":
        shutil.copy(request.getfixturevalue("enriched_scenario"), tmp_path)
    with open_warehouse(request.param, request, tmp_path) as warehouse:
        if request.param != "duckdb":
            warehouse.load(**scenario.LONG_WORLD)
            warehouse.enrich()
        yield warehouse


def compare_with_a_rebuild(world: Warehouse) -> None:
    hourly = world.tables()
    bounds = {row[0]: row[1:] for row in hourly.pop(BOUNDS)}
    world.enrich(full_refresh=True)
    rebuilt = world.tables()
    exact = {row[0]: row[1:] for row in rebuilt.pop(BOUNDS)}
    assert hourly.keys() == rebuilt.keys()
    for name, rows in rebuilt.items():
        assert hourly[name] == rows, name
    assert all(bounds[one][0] <= first and bounds[one][1] >= last for one, (first, last) in exact.items())


def test_hourly_runs_equal_a_rebuild(world: Warehouse) -> None:
    # New events of a known day and of a new one, and late events: of a recent day and of one long ago. No later step
    # writes these days again.
    known = event(90, "USR-8", "2026-03-09 01:00", user_id=ANN, success=True)
    new = event(91, "USR-13", "2026-03-12 01:00", user_id="f00d" * 8, object_id=PLAN)
    world.load("2026-03-12 00:00", events=[known, new])
    assert world.enrich().days == [date(2026, 3, 9), date(2026, 3, 12)]
    recent = event(92, "NEW-77", "2026-03-04 23:00", user_id=BOB, object_id="X9")
    old = event(93, "USR-8", "2025-09-02 09:00", user_id=GHOST, success=True)
    world.load("2026-03-12 02:00", events=[recent, old])
    assert world.enrich().days == [date(2025, 9, 2), date(2026, 3, 4)]

    # Names that events give to somebody in no list, who acts on days long ago.
    world.load("2026-03-13 03:00", events=[named(94, "2026-03-13 02:00", GONE, "gone@y.com")])
    assert date(2025, 9, 3) in (world.enrich().days or [])
    world.load("2026-03-13 04:00", events=[named(95, "2026-03-13 03:00", GONE, "Casper")])
    assert date(2025, 9, 3) in (world.enrich().days or [])
    world.load("2026-03-13 05:00", events=[named(96, "2026-03-13 04:00", GONE, "Casper")])
    assert world.enrich().days == [date(2026, 3, 13)]
    compare_with_a_rebuild(world)


@pytest.mark.long
def test_changes_of_the_directory_equal_a_rebuild(world: Warehouse) -> None:
    lee, bell, *others = scenario.USERS
    third = version(ANN, "2026-03-11 00:00", first_name="Ann", last_name="Third", email="ann@x.com")
    bell = bell | {"_dlt_valid_to": third["_dlt_valid_from"]}
    world.load(users=[lee, bell, third, *others])
    assert date(2025, 9, 2) in (world.enrich().days or [])
    # Ann leaves, and somebody who was in no list is in one. A model moves.
    third = third | {"_dlt_valid_to": datetime(2026, 3, 12, tzinfo=timezone.utc)}
    casper = version(GHOST, "2026-03-12 00:00", first_name="Casper")
    lost = version("bbbb2222" * 4, "2026-03-12 00:00", name="Found", current_workspace_id="c0de" * 8)
    world.load(users=[lee, bell, third, *others, casper], models=[*scenario.MODELS, lost])
    days = world.enrich().days
    assert days and date(2025, 9, 1) in days and date(2025, 9, 3) not in days
    # Somebody whom no event names touches no day.
    world.load(users=[lee, bell, third, *others, casper, version("feed" * 8, "2026-03-12 01:00", first_name="New")])
    assert world.enrich().days == []
    compare_with_a_rebuild(world)


def test_names_that_only_the_scim_service_gives_equal_a_rebuild(world: Warehouse) -> None:
    def scim(name: str | None, changed: str) -> list[Row]:
        people = ((GHOST.upper(), "ghost@x.com", name), (ANN, "other@x.com", "Another Name"))
        moments = {"created_at": at("2025-01-01 00:00"), "last_modified": at(changed)}
        return [{"id": user, "user_name": mail, "display_name": shown, **moments} for user, mail, shown in people]

    columns = ("user_name", "user_email", "user_kind", "user_name_source", "user_label")
    for name, changed in ((None, "2026-03-01 00:00"), ("Casper", "2026-03-02 00:00")):
        world.load(scim_users=scim(name, changed))
        days = world.enrich().days
        assert days and date(2025, 9, 1) in days and date(2025, 9, 3) not in days
        label = name or "ghost@x.com"
        found = (label, "ghost@x.com", "person", "directory", label)
        assert {*world.rows("fct_events", *columns, where=f"user_id = '{GHOST}'")} == {found}
    assert world.row("dim_users", "user_name", "kind", where=f"user_id = '{GHOST}'") == ("Casper", "person")
    # The directory knows Ann, and what events call Casper counts no more.
    assert "Another Name" not in {row[0] for row in world.rows("fct_events", "user_name")}
    world.load("2026-03-12 03:00", events=[named(94, "2026-03-12 02:00", GHOST, "ghost@y.com")])
    assert world.enrich().days == [date(2026, 3, 12)]
    target = world.row("fct_events", "target_user_name", "target_user_name_source", where="event_day = '2026-03-12'")
    assert target == ("Casper", "directory")
    # Another change of the service touches no day.
    world.load(scim_users=scim("Casper", "2026-03-03 00:00"))
    assert world.enrich().days == []
    compare_with_a_rebuild(world)


@pytest.mark.long
def test_what_a_load_replaced_and_what_was_purged_is_in_no_summary(world: Warehouse) -> None:
    secret = named(94, "2026-03-12 02:00", GHOST, "ghost@x.com")
    world.load("2026-03-12 03:00", events=[secret])
    world.enrich()
    assert world.rows("event_user_names", "user_name", where=f"user_id = '{GHOST}'") == [("ghost@x.com",)]
    # The same event once more, masked: as after a reload with other settings of privacy.
    masked = secret | {"additional_attributes__target_user_name": "user 1"}
    world.load("2026-03-12 04:00", events=[masked])
    assert date(2025, 9, 1) in (world.enrich().days or [])
    assert world.rows("event_user_names", "user_name", where=f"user_id = '{GHOST}'") == [("user 1",)]
    assert set(world.rows("fct_events", "user_name", where=f"user_id = '{GHOST}'")) == {("user 1",)}
    with world.raw.sql_client() as client:
        for table in ("events", "event_days"):
            client.execute_sql(f"delete from anaplan_audit_raw.{table} where event_day < '2026-01-01'")
    # A purge that died before its enrichment.
    assert {date(2025, 9, 1), date(2025, 9, 2), date(2025, 9, 3)} <= {*(world.enrich().days or [])}
    assert all(row[0] >= date(2026, 1, 1) for row in world.rows("event_ids", "first_day"))
    assert world.rows("user_totals") == []
    compare_with_a_rebuild(world)


@pytest.mark.long
def test_recent_days_move_with_the_utc_day(world: Warehouse, monkeypatch: pytest.MonkeyPatch) -> None:
    assert {row[0] for row in world.rows("user_totals", "last_day")} == {date(2025, 9, day) for day in (1, 2, 3)}
    world.load("2026-06-20 00:00", events=[event(97, "USR-8", "2026-06-20 01:00", user_id=ANN, success=True)])
    world.enrich()
    assert max(row[0] for row in world.rows("user_totals", "last_day")) == date(2025, 9, 3)
    tomorrow = datetime.now(timezone.utc) + timedelta(days=1)
    monkeypatch.setattr(plan, "datetime", Mock(now=lambda _: tomorrow))
    world.enrich()
    assert max(row[0] for row in world.rows("user_totals", "last_day")) == date(2026, 3, 7)
    compare_with_a_rebuild(world)


@pytest.mark.long
def test_a_run_that_died_after_its_last_layer_is_repeated(world: Warehouse, monkeypatch: pytest.MonkeyPatch) -> None:
    """The summaries are stored, but the state is not."""
    world.load("2026-03-12 03:00", events=[named(94, "2026-03-12 02:00", GHOST, "ghost@x.com")])
    enriched = world.enriched
    before = enriched.state["sources"]["enrichment"]
    days = world.enrich().days
    run_layer(world.enriched, [], before)
    assert {date(2026, 3, 12)} <= {*(world.enrich().days or [])} <= {*(days or [])}
    compare_with_a_rebuild(world)


HISTORY = re.compile(r"(events|event_windows|model_history|(fct|agg)_\w+)")
# They are replaced as a whole, or read from all days still.
WHOLE = {"security_findings", "role_assignments", "fct_integration_runs"}


@pytest.mark.parametrize("world", ["duckdb"], indirect=True)
def test_no_statement_of_an_hour_reads_a_history_table_without_its_days(world: Warehouse) -> None:
    """Neither with new events that give names to somebody in no list, nor with a new user in the directory."""
    new = "f00d" * 8
    world.load("2026-03-12 03:00", events=[named(94, "2026-03-12 02:00", new, "new@x.com")])
    world.load(users=[*scenario.USERS, version("feed" * 8, "2026-03-12 01:00", first_name="New")])
    with world.raw.sql_client() as client:
        scans = scans_of(client.native_connection, world.enrich)
    of_history = [one for one in scans if HISTORY.fullmatch(one.table)]
    assert {"events", "fct_events", "agg_daily_users", "agg_daily_model_users"} <= {one.table for one in of_history}
    whole = [one for one in of_history if "_day" not in one.filters]
    found = {(one.table, one.statement) for one in whole if not any(f'"{name}"' in one.statement for name in WHOLE)}
    # The history of models knows no ids of users, only names.
    assert {table for table, _ in found} <= {"fct_model_history"}
