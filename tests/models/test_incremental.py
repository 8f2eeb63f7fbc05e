"""What an increment rewrites, and that it leaves the same rows as a rebuild from nothing."""

from datetime import date
from pathlib import Path
from typing import Any

import pytest

from pipelines import enrich as enrich_module
from tests.models import scenario
from tests.models.raw import event, version
from tests.models.scenario import ANN, GHOST, WORLD
from tests.models.small import copy_models, write_model
from tests.models.warehouse import Warehouse

DAY_1, DAY_2, DAY_9 = date(2026, 3, 1), date(2026, 3, 2), date(2026, 3, 9)
LATER = "2026-03-11 00:00"


@pytest.fixture
def short(tmp_path: Path) -> Path:
    """dim_users, fct_events and agg_daily_usage."""
    folder = tmp_path / "models"
    folder.mkdir()
    return copy_models(folder)


def everything(warehouse: Warehouse) -> dict[str, Any]:
    """All tables, without when they were checked."""
    tables = warehouse.tables()
    tables.pop("check_results", None)
    return tables


def test_an_increment_rewrites_the_touched_days_and_equals_a_full_refresh(warehouse: Warehouse, short: Path) -> None:
    warehouse.load(**WORLD)
    assert warehouse.enrich(short).days is None
    assert warehouse.enrich(short).days == []

    late_and_new = [event(90, "USR-8", "2026-03-01 23:00", user_id=ANN), event(91, "USR-8", "2026-03-09 01:00")]
    again = [row for row in scenario.EVENTS if row["event_day"] == DAY_1][:1]
    warehouse.load(LATER, events=late_and_new + again)
    report = warehouse.enrich(short)

    assert report.days == [DAY_1, DAY_9]
    assert report.rebuilt == []
    incremental = everything(warehouse)
    assert len(incremental["fct_events"]) == len(scenario.EVENTS) + 2
    assert warehouse.enrich(short, full_refresh=True).days is None
    assert everything(warehouse) == incremental


def test_every_model_is_the_same_after_an_increment_and_after_a_full_refresh(duck: Warehouse) -> None:
    duck.load(**{**WORLD, "events": scenario.EVENTS[::2], "users": scenario.USERS[:1]})
    duck.enrich()
    duck.load(LATER, events=scenario.EVENTS, users=scenario.USERS, models=[])
    assert duck.enrich().rebuilt == []
    incremental = everything(duck)
    duck.enrich(full_refresh=True)
    assert everything(duck) == incremental


def test_a_late_name_and_a_new_name_repair_their_days(duck: Warehouse, short: Path) -> None:
    duck.load(**WORLD)
    duck.enrich(short)
    newcomer = version(GHOST, "2026-03-12 00:00", first_name="Casper")
    third = version(ANN, "2026-03-13 00:00", first_name="Ann", last_name="Third", email="ann@x.com")
    renamed = [scenario.USERS[1] | {"_dlt_valid_to": third["_dlt_valid_from"]}, third]
    unchanged = [scenario.USERS[0], *scenario.USERS[2:]]

    duck.load(LATER, users=[*unchanged, *scenario.USERS[1:2], newcomer])
    assert duck.enrich(short).days == [DAY_1]
    assert duck.row("fct_events", "user_name", "user_kind", where=f"user_id = '{GHOST}'") == ("Casper", "person")

    duck.load(LATER, users=[*unchanged, *renamed, newcomer])
    days = duck.enrich(short).days
    assert days == sorted({row["event_day"] for row in scenario.EVENTS if ANN in str(row).lower()})
    incremental = everything(duck)
    assert {row[0] for row in duck.rows("fct_events", "user_name_now", where=f"user_id = '{ANN}'")} == {"Ann Third"}
    duck.enrich(short, full_refresh=True)
    assert everything(duck) == incremental


def test_a_name_that_stays_the_same_touches_no_older_day(duck: Warehouse, short: Path) -> None:
    """A user who is only deactivated makes a new version, but no event shows anything else."""
    duck.load(**WORLD)
    duck.enrich(short)
    ends = {"_dlt_valid_to": version("x", "2026-03-12 00:00")["_dlt_valid_from"]}
    inactive = version(ANN, "2026-03-12 00:00", first_name="Ann", last_name="Bell", email="ann@x.com", active=False)
    duck.load(LATER, users=[*scenario.USERS[2:], scenario.USERS[0], scenario.USERS[1] | ends, inactive])
    assert duck.enrich(short).days == []


def test_a_day_without_events_any_more_is_emptied(duck: Warehouse, short: Path) -> None:
    """After a purge of raw events the day is not among those that a load stamped."""
    duck.load(**WORLD)
    duck.enrich(short)
    with duck.raw.sql_client() as client:
        client.execute_sql("delete from anaplan_audit_raw.events where event_day = '2026-03-02'")
    assert duck.enrich(short).days == [DAY_2]
    assert duck.rows("fct_events", where="event_day = '2026-03-02'") == []
    assert duck.rows("agg_daily_usage", where="event_day = '2026-03-02'") == []


@pytest.mark.parametrize("full_refresh", [False, True])
def test_a_run_that_died_between_layers_is_made_good(
    duck: Warehouse, short: Path, monkeypatch: pytest.MonkeyPatch, full_refresh: bool
) -> None:
    duck.load(**WORLD)
    duck.enrich(short)
    duck.load(LATER, events=[event(90, "USR-8", "2026-03-01 23:00", user_id=ANN)])
    run_layer = enrich_module.run_layer

    def dies_in_the_second(pipeline: Any, resources: Any, state: Any, **options: Any) -> Any:
        if any(resource.name == "agg_daily_usage" for resource in resources):
            raise KeyboardInterrupt
        return run_layer(pipeline, resources, state, **options)

    with monkeypatch.context() as patched:
        patched.setattr(enrich_module, "run_layer", dies_in_the_second)
        with pytest.raises(KeyboardInterrupt):
            duck.enrich(short, full_refresh=full_refresh)

    report = duck.enrich(short)
    assert report.days == (None if full_refresh else [DAY_1])
    repaired = everything(duck)
    duck.enrich(short, full_refresh=True)
    assert everything(duck) == repaired


def test_a_changed_model_is_rebuilt_with_all_that_reads_it(duck: Warehouse, short: Path) -> None:
    duck.load(**WORLD)
    duck.enrich(short)
    file = short / "fct_events.sql"
    file.write_text(file.read_text(encoding="utf-8").replace("'unsaved action'", "'never saved'"), encoding="utf-8")
    assert duck.enrich(short).rebuilt == ["agg_daily_usage", "fct_events"]
    assert duck.rows("fct_events", "action_name", where="action_id = '-1'") == [("never saved",)]
    file.write_text("-- a comment more\n" + file.read_text(encoding="utf-8"), encoding="utf-8")
    assert duck.enrich(short).rebuilt == []


def test_a_model_may_be_added_and_may_change_and_lose_columns(warehouse: Warehouse, short: Path) -> None:
    warehouse.load(**WORLD)
    about = {"columns": ["event_day", "n", "lost"], "day": "event_day"}
    write_model(
        short,
        "mine",
        "select cast(event_day as date) as event_day, cast(count(*) as bigint) as n, cast(1 as bigint) as lost"
        " from fct_events group by event_day",
        **about,
    )
    warehouse.enrich(short)
    assert warehouse.columns("mine") == ["event_day", "n", "lost"]
    about["columns"] = ["event_day", "n"]
    write_model(
        short,
        "mine",
        "select cast(event_day as date) as event_day, cast(concat('n', count(*)) as varchar) as n"
        " from fct_events group by event_day",
        **about,
    )
    assert warehouse.enrich(short).rebuilt == ["mine"]
    assert warehouse.columns("mine") == ["event_day", "n"]
    assert warehouse.row("mine", "n", where="event_day = '2026-03-07'") == ("n1",)


def test_a_model_that_fails_leaves_the_tables_as_they_were(duck: Warehouse, short: Path) -> None:
    duck.load(**WORLD)
    duck.enrich(short)
    before = everything(duck)
    file = short / "agg_daily_usage.sql"
    sql = file.read_text(encoding="utf-8")
    file.write_text(sql.replace("count(*)", "max(cast(message as bigint))"), encoding="utf-8")
    with pytest.raises(Exception, match="Could not convert string"):
        duck.enrich(short)
    assert everything(duck) == before
    file.write_text(sql, encoding="utf-8")
    duck.enrich(short)
    assert everything(duck) == before


def test_an_empty_tenant_has_every_table(warehouse: Warehouse, capfd: pytest.CaptureFixture[str]) -> None:
    warehouse.load()
    warehouse.enrich()
    tables = everything(warehouse)
    seeds = ("event_subjects", "finding_rules", "dim_event_types")
    assert {name: rows for name, rows in tables.items() if name not in seeds and rows} == {}
    assert len(warehouse.columns("fct_events")) > 40
    assert [result.line() for result in warehouse.check() if not result.passed] == []
    assert capfd.readouterr().err == ""
