"""What an increment rewrites, and that it leaves the same rows as a rebuild from nothing."""

import re
import shutil
from datetime import date, datetime, timedelta, timezone
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import pytest
from dlt.load import Load
from dlt.pipeline.exceptions import PipelineStepFailed

from pipelines.common.exit_codes import FAILED, ModelError, TableError, explain
from pipelines.transform import plan, runner
from pipelines.warehouse.statement_load import StatementLoad
from tests.support import scenario
from tests.support.model_warehouse import Warehouse
from tests.support.raw_rows import event, version
from tests.support.read_models import ModelFolders
from tests.support.scenario import ANN, GHOST
from tests.support.small_models import write_model, write_seed

DAY_1, DAY_2, DAY_9 = date(2026, 3, 1), date(2026, 3, 2), date(2026, 3, 9)
LATER = "2026-03-11 00:00"
LATE = event(90, "USR-8", "2026-03-01 23:00", user_id=ANN)


def test_an_increment_rewrites_the_touched_days_and_equals_a_full_refresh(loaded: Warehouse, short: Path) -> None:
    known = next(row for row in scenario.EVENTS if row["event_day"] == DAY_1)
    loaded.load(LATER, events=[LATE, known, event(91, "USR-8", "2026-03-09 01:00")])
    report = loaded.enrich(short)
    assert (report.days, report.rebuilt) == ([DAY_1, DAY_9], [])
    incremental = loaded.tables()
    assert len(incremental["fct_events"]) == len(scenario.EVENTS) + 2

    assert loaded.enrich(short, full_refresh=True).days is None
    assert loaded.tables() == incremental
    assert loaded.enrich(short).days == []
    assert loaded.tables() == incremental


def test_without_events_no_day_is_touched(warehouse: Warehouse, short: Path) -> None:
    warehouse.load(**{**scenario.WORLD, "events": []})
    warehouse.enrich(short)
    assert warehouse.enrich(short).days == []
    warehouse.load(LATER, events=[LATE])
    assert warehouse.enrich(short).days == [DAY_1]
    assert len(warehouse.rows("fct_events")) == 1


def test_late_names_and_new_names_repair_their_days(loaded: Warehouse, models_of: ModelFolders) -> None:
    models = models_of("fct_events")
    loaded.enrich(models)
    lee, bell, *others = scenario.USERS
    casper = version(GHOST, "2026-03-12 00:00", first_name="Casper")
    inactive = version(ANN, "2026-03-12 00:00", first_name="Ann", last_name="Bell", email="ann@x.com", active=False)
    bell = bell | {"_dlt_valid_to": inactive["_dlt_valid_from"]}

    # Ann's new version shows no other name, and touches no older day.
    loaded.load(LATER, users=[lee, bell, inactive, *others, casper])
    assert loaded.enrich(models).days == [DAY_1]
    assert loaded.row("fct_events", "user_name", "user_kind", where=f"user_id = '{GHOST}'") == ("Casper", "person")

    third = version(ANN, "2026-03-13 00:00", first_name="Ann", last_name="Third", email="ann@x.com")
    inactive = inactive | {"_dlt_valid_to": third["_dlt_valid_from"]}
    loaded.load(LATER, users=[lee, bell, inactive, third, *others, casper])
    days_of_ann = {row["event_day"] for row in scenario.EVENTS if ANN in str(row).lower()}
    assert loaded.enrich(models).days == sorted(days_of_ann)
    assert {row[0] for row in loaded.rows("fct_events", "user_name_now", where=f"user_id = '{ANN}'")} == {"Ann Third"}
    incremental = loaded.rows("fct_events")
    loaded.enrich(models, full_refresh=True)
    assert loaded.rows("fct_events") == incremental


def test_a_day_without_events_any_more_is_emptied(
    loaded: Warehouse, short: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A purge may have died before its enrichment. What was deleted by hand is noticed on the next UTC day."""
    loaded.load(LATER, events=[LATE])
    assert loaded.enrich(short).days == [DAY_1]
    with loaded.raw.sql_client() as client:
        for table in ("events", "event_days"):
            client.execute_sql(f"delete from anaplan_audit_raw.{table} where event_day = '2026-03-02'")
    assert loaded.enrich(short).days == [DAY_2]
    assert loaded.rows("fct_events", where="event_day = '2026-03-02'") == []
    assert loaded.rows("users_a_day", where="event_day = '2026-03-02'") == []

    with loaded.raw.sql_client() as client:
        client.execute_sql("delete from anaplan_audit_raw.events where event_day = '2026-03-01'")
    assert loaded.enrich(short).days == []
    tomorrow = datetime.now(timezone.utc) + timedelta(days=1)
    monkeypatch.setattr(plan, "datetime", Mock(now=lambda _: tomorrow))
    assert loaded.enrich(short).days == [DAY_1]
    assert loaded.rows("fct_events", where="event_day = '2026-03-01'") == []


def test_a_run_that_died_between_layers_is_made_good(
    loaded: Warehouse, short: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    apply = StatementLoad.apply

    def dies_in_the_second_layer(load: Any, changes: Any, begin: Any) -> None:
        if any(change.table == "users_a_day" for change in changes):
            raise KeyboardInterrupt
        apply(load, changes, begin)

    def die(full_refresh: bool) -> None:
        with monkeypatch.context() as patched:
            patched.setattr(StatementLoad, "apply", dies_in_the_second_layer)
            with pytest.raises(KeyboardInterrupt):
                loaded.enrich(short, full_refresh=full_refresh)

    before = loaded.rows("users_a_day")
    loaded.load(LATER, events=[LATE])
    die(full_refresh=False)
    assert loaded.rows("users_a_day") == before
    assert loaded.enrich(short).days == [DAY_1]
    repaired = loaded.tables()
    assert repaired["users_a_day"] != before

    die(full_refresh=True)
    assert loaded.enrich(short).days is None
    assert loaded.tables() == repaired


def test_a_first_run_that_died_before_its_end_is_not_doubled(
    warehouse: Warehouse, short: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rows are in, but dlt has not noted the load: it then restores no schema, as if there were no table."""
    warehouse.load(events=scenario.EVENTS)
    with monkeypatch.context() as patched:
        patched.setattr(Load, "complete_package", Mock(side_effect=KeyboardInterrupt))
        with pytest.raises(PipelineStepFailed):
            warehouse.enrich(short)
    with monkeypatch.context() as patched:
        patched.setattr(StatementLoad, "keep_state", Mock(side_effect=KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            warehouse.enrich(short)
    assert len(warehouse.rows("fct_events")) == len(scenario.EVENTS)
    warehouse.enrich(short)
    assert len(warehouse.rows("fct_events")) == len(scenario.EVENTS)


def test_a_changed_model_is_rebuilt_with_all_that_reads_it(loaded: Warehouse, short: Path) -> None:
    file = short / "marts" / "fct_events.sql"
    sql = file.read_text(encoding="utf-8")
    file.write_text(sql.replace("cast(message as", "cast(upper(message) as"), encoding="utf-8")
    assert loaded.enrich(short).rebuilt == ["fct_events", "users_a_day"]
    assert loaded.rows("fct_events", "message", where="event_day = '2026-03-07'") == [("EVENT 13",)]
    file.write_text("-- a comment more\n" + file.read_text(encoding="utf-8"), encoding="utf-8")
    assert loaded.enrich(short).rebuilt == []


def test_a_model_may_be_added_and_may_change_and_lose_columns(loaded: Warehouse, short: Path) -> None:
    sql = "select cast(event_day as date) as event_day, cast({} as {}) as n{} from fct_events group by event_day"
    write_model(
        short,
        "mine",
        sql.format("count(*)", "bigint", ", cast(1 as bigint) as lost"),
        columns=["event_day", "n", "lost"],
        day="event_day",
    )
    assert loaded.enrich(short).rebuilt == ["mine"]
    assert loaded.columns("mine") == ["event_day", "n", "lost"]
    text = sql.format("concat('n', cast(count(*) as varchar))", "varchar", "")
    write_model(short, "mine", text, columns=["event_day", "n"], day="event_day")
    assert loaded.enrich(short).rebuilt == ["mine"]
    assert loaded.columns("mine") == ["event_day", "n"]
    assert loaded.row("mine", "n", where="event_day = '2026-03-07'") == ("n1",)


def test_a_model_of_ones_own_is_built_refused_before_anything_is_written_and_told_when_it_fails(
    warehouse: Warehouse, short: Path
) -> None:
    warehouse.load(**scenario.WORLD)
    warehouse.enrich(short)
    before = warehouse.tables()
    warehouse.load(LATER, events=[LATE])
    write_model(short, "mine", "select\n  cast(nobody as bigint) as id\nfrom fct_events")
    with pytest.raises(ModelError, match=r"mine.sql:2: Column 'nobody' could not be resolved"):
        warehouse.enrich(short)
    assert warehouse.tables() == before

    write_model(short, "mine", "select cast(event_id as bigint) as id from fct_events")
    assert warehouse.enrich(short).rebuilt == ["mine"]
    built = warehouse.rows("mine")
    assert built == warehouse.rows("fct_events", "event_id")
    assert len(built) == len(scenario.EVENTS) + 1

    write_model(short, "mine", "select cast(message as bigint) as id from fct_events")
    with pytest.raises(TableError) as error:
        warehouse.enrich(short)
    code, line = explain(error.value)
    assert code == FAILED
    assert re.match(r"destination: table `mine`: .*(Could not convert string|invalid input syntax)", line)
    assert warehouse.rows("mine") == built


def test_a_raw_column_that_is_gone_is_told_though_no_model_has_changed(
    loaded: Warehouse, short: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    loaded.enrich(short)
    columns = runner.raw_columns

    def without_message(raw: Any) -> dict[str, dict[str, str]]:
        found = columns(raw)
        del found["events"]["message"]
        return found

    monkeypatch.setattr(runner, "raw_columns", without_message)
    with pytest.raises(ModelError, match="message"):
        loaded.enrich(short)


def test_a_model_that_fails_leaves_the_tables_as_they_were(loaded: Warehouse, short: Path) -> None:
    before = loaded.tables()
    file = short / "marts" / "users_a_day.sql"
    sql = file.read_text(encoding="utf-8")
    file.write_text(sql.replace("count(*)", "max(cast(message as bigint))"), encoding="utf-8")
    with pytest.raises(Exception, match="Could not convert string"):
        loaded.enrich(short)
    assert loaded.tables() == before
    file.write_text(sql, encoding="utf-8")
    loaded.enrich(short)
    assert loaded.tables() == before


def test_the_rows_of_a_csv_file_are_written_when_it_changed(loaded: Warehouse, short: Path) -> None:
    file = write_seed(short, "limits", "id,n\na,1\n", columns=["id", "n"], types={"n": "bigint"})
    assert loaded.enrich(short).rebuilt == ["limits"]
    (written,) = loaded.rows("limits", "_dlt_id")
    loaded.load(LATER, events=[LATE])
    assert loaded.enrich(short).rebuilt == []
    assert loaded.rows("limits", "_dlt_id") == [written]
    file.write_text("id,n\na,2\nb,3\n", encoding="utf-8")
    assert loaded.enrich(short).rebuilt == ["limits"]
    assert loaded.rows("limits", "id", "n") == [("a", 2), ("b", 3)]


def test_a_seed_may_become_a_model(loaded: Warehouse, short: Path) -> None:
    seed = write_seed(short, "limits", "id\na\n")
    loaded.enrich(short)
    shutil.move(seed, seed.with_stem("renamed"))
    entries = seed.parent / "seeds.yml"
    entries.write_text(entries.read_text(encoding="utf-8").replace("name: limits", "name: renamed"), encoding="utf-8")
    write_model(short, "limits", "select id from renamed")
    assert loaded.enrich(short).rebuilt == ["limits", "renamed"]
    assert loaded.rows("limits", "id") == loaded.rows("renamed", "id") == [("a",)]
    assert loaded.enrich(short).rebuilt == []


def test_on_duckdb_a_query_writes_straight_to_its_table(loaded: Warehouse, short: Path) -> None:
    """By way of a staging table every row would be written twice."""
    loaded.load(LATER, events=[LATE])
    loaded.enrich(short)
    with loaded.raw.sql_client() as client:
        staged = client.execute_sql("select table_name from duckdb_tables() where schema_name like '%_staging'")
    models = {model.stem for model in short.rglob("*.sql")}
    assert models and not models & {name for (name,) in staged or ()}


def test_old_schemas_do_not_pile_up(loaded: Warehouse, short: Path) -> None:
    """dlt keeps a copy of every schema, and each new set of touched days would make one."""
    loaded.load(LATER, events=[LATE])
    loaded.enrich(short)
    with loaded.raw.sql_client() as client:
        assert client.execute_sql("select count(*) from anaplan_audit._dlt_version") == [(1,)]


def test_nothing_is_written_where_every_table_would_come_out_as_it_is(
    loaded: Warehouse, short: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    loaded.enrich(short)
    assert loaded.enrich(short).load_ids == []
    # Tables that count days until today are another day other ones.
    tomorrow = datetime.now(timezone.utc) + timedelta(days=1)
    with monkeypatch.context() as clock:
        clock.setattr(plan, "datetime", Mock(now=lambda _: tomorrow))
        assert loaded.enrich(short).load_ids != []
        assert loaded.enrich(short).load_ids == []
    write_model(short, "asked", "select cast(window_start as timestamptz) as id from event_windows")
    assert loaded.enrich(short).load_ids != []
    # Nobody watches the windows, so what reads them is always written.
    assert loaded.enrich(short).load_ids != []


def test_a_name_that_an_event_tells_later_reaches_older_days(loaded: Warehouse, models_of: ModelFolders) -> None:
    """A user in no list, who acts on day 1: an event of day 9 names the user, one of day 10 gives another name."""
    models = models_of("fct_events")
    columns = ("user_name", "user_email", "user_name_source", "user_label")
    ghost = f"user_id = '{GHOST}'"
    loaded.enrich(models)
    assert loaded.row("fct_events", *columns, where=ghost) == (None, None, "none", GHOST)

    for number, day, name in ((92, "2026-03-09", "ghost@x.com"), (93, "2026-03-10", "Casper")):
        named = event(number, "USR-21", f"{day} 01:00", user_id=ANN, attr_target_user_id=GHOST.upper())
        named["additional_attributes__target_user_name"] = name
        loaded.load(f"2026-03-{number - 80} 00:00", events=[named])
        days = [DAY_1, *([DAY_9] if number == 93 else []), date.fromisoformat(day)]
        assert loaded.enrich(models).days == days
        email = name if "@" in name else None
        assert loaded.row("fct_events", *columns, where=ghost) == (name, email, "event", name)
        incremental = loaded.rows("fct_events")
        loaded.enrich(models, full_refresh=True)
        assert loaded.rows("fct_events") == incremental

    # The same name once more touches no older day.
    again = {**named, "id": named["id"] + 1}
    loaded.load("2026-03-15 00:00", events=[again])
    assert loaded.enrich(models).days == [date(2026, 3, 10)]
