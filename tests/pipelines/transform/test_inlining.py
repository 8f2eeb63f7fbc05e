"""Files of staging and intermediate become part of each query: nothing is stored, and days are filtered in the scan."""

import json
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import pytest

from audit_source import schema
from pipelines.transform.graph import read_enrichment
from pipelines.transform.materialize import _merge_renames, only_days
from pipelines.transform.parse import MODELS_DIR, Model, read_models
from pipelines.warehouse.table_names import input_tables
from tests.support.raw_rows import arrow_table, event
from tests.support.small_models import write_entries, write_model, write_seed
from tests.support.translation import ENRICHMENT, RAW_TABLES

DAYS = [date(2026, 3, day) for day in range(1, 31)]
RAW = {"events": {"id": "bigint", "event_day": "date", "name": "text", "sent": "json"}}


@pytest.fixture(scope="module")
def raw() -> Iterator[duckdb.DuckDBPyConnection]:
    """A month of raw events, with one row group a day."""
    with duckdb.connect() as connection:
        connection.execute("set TimeZone = 'UTC'")
        for table in schema.TABLES:
            named = {"attr_target_user_id": "u1", "attr_target_user_name": "Una"}
            rows = [event(n, "USR-8", f"{day} 10:00", object_id=f"o{n}", **named) for day in DAYS for n in range(2)]
            connection.register("rows", arrow_table(table, rows if table.name == "events" else []))
            connection.execute(f"create table {table.name} as select * from rows")
        yield connection


def scans(connection: duckdb.DuckDBPyConnection, query: str) -> list[dict[str, Any]]:
    """The scans of `events` in DuckDB's plan."""
    (_, text) = connection.execute(f"explain (format json) {query}").fetchone() or ("", "[]")
    found, rest = [], list(json.loads(text))
    while rest:
        node = rest.pop()
        rest += node.get("children", [])
        if str(node.get("extra_info", {}).get("Table", "")).endswith("events"):
            found.append(node["extra_info"])
    return found


def test_a_run_of_one_day_filters_every_scan_of_events(raw: duckdb.DuckDBPyConnection) -> None:
    """At most one scan each for the events, the names of apps, the names of pages, and the user agents.

    Names of users are read from all days, from no other column than those that name them.
    """
    model = ENRICHMENT.models["fct_events"]
    query = only_days(ENRICHMENT, model, {DAYS[3]})
    _merge_renames(query, model)
    found = scans(raw, query.sql("duckdb"))
    of_all_days = [one for one in found if "event_day" not in str(one.get("Filters", ""))]
    names = {"additional_attributes__target_user_id", "additional_attributes__target_user_name"}
    assert [{*one["Projections"]} - {"event_date", "created_date"} for one in of_all_days] == [names]
    assert 1 <= len(found) - len(of_all_days) <= 4

    whole = model.query
    _merge_renames(whole, model)
    assert [one for one in scans(raw, whole.sql("duckdb")) if "event_day" in str(one.get("Filters", ""))] == []


def test_queries_read_stored_tables_only() -> None:
    stored = {*RAW_TABLES, *ENRICHMENT.tables}
    for model in ENRICHMENT.models.values():
        assert {table.name for table in input_tables(model.query)} == model.stored_inputs <= stored


def test_raw_tables_are_read_in_staging_only() -> None:
    models = read_models(MODELS_DIR)
    readers = {one.name for one in models.inlined.values() if one.sql_file.inputs & RAW_TABLES.keys()}
    readers |= {
        one.name
        for one in models.tables.values()
        if isinstance(one, Model) and any(file.inputs & RAW_TABLES.keys() for file in one.files)
    }
    assert readers == {name for name in models.inlined if name.startswith("stg_")} - {"stg_directory_versions"}


def test_no_file_is_long() -> None:
    long = {file.name for file in MODELS_DIR.rglob("*.sql") if len(file.read_text(encoding="utf-8").splitlines()) > 130}
    assert long == set()


def write_inlined(folder: Path, layer: str, files: dict[str, str]) -> None:
    """Files that are described without their columns."""
    (folder / layer).mkdir(parents=True)
    for name, sql in files.items():
        (folder / layer / f"{name}.sql").write_text(sql, encoding="utf-8")
    config = {"unique_key": "id", "meta": {"grain": "one row"}}
    write_entries(folder, layer, [{"name": name, "description": name, "config": config} for name in files])


def test_inlined_files_chain_keep_names_apart_and_pass_types_on(tmp_path: Path) -> None:
    step = (
        "with step as (select e.*, cast(1 as bigint) as n from {} as e)"
        " select s.*, cast(s.n as varchar) as {} from step as s"
    )
    staged = "select id, event_day, cast(lower(name) as varchar) as title from events"
    write_inlined(tmp_path, "staging", {"stg_events": staged})
    steps = {"int_first": step.format("stg_events", "one"), "int_second": step.format("stg_events", "two")}
    write_inlined(tmp_path, "intermediate", steps)
    sql = "select f.id, f.event_day, f.title, s.two from int_first as f inner join int_second as s on f.id = s.id"
    write_model(tmp_path, "mine", sql, columns=["id", "event_day", "title", "two"], day="event_day")
    enrichment = read_enrichment(RAW, tmp_path)
    model = enrichment.models["mine"]
    assert model.columns == {"id": "bigint", "event_day": "date", "title": "text", "two": "text"}
    assert model.inputs == {"events"}

    with duckdb.connect() as connection:
        connection.execute("create table events (id bigint, event_day date, name varchar)")
        connection.execute("insert into events values (1, '2026-03-01', 'A'), (2, '2026-03-02', 'B')")
        query = only_days(enrichment, model, {date(2026, 3, 2)}).sql("duckdb")
        assert connection.execute(query).fetchall() == [(2, date(2026, 3, 2), "b", "1")]


def test_a_seed_beside_raw_tables_becomes_part_of_the_query(tmp_path: Path) -> None:
    write_seed(tmp_path, "limits", "name,n\nit's,1\nb,\n", columns=["name", "n"], types={"n": "bigint"})
    sql = "select e.id, l.n from events as e inner join limits as l on e.name = l.name"
    write_model(tmp_path, "mine", sql, columns=["id", "n"])
    write_model(tmp_path, "alone", "select name, n from limits", columns=["name", "n"])
    enrichment = read_enrichment(RAW, tmp_path)
    assert [[model.name for model in layer] for layer in enrichment.layers] == [["mine"], ["alone"]]
    assert enrichment.models["alone"].stored_inputs == {"limits"}
    with duckdb.connect() as connection:
        connection.execute("create table events as select 1 as id, 'it''s' as name")
        assert connection.execute(enrichment.models["mine"].query.sql("duckdb")).fetchall() == [(1, 1)]


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("select id from events", "bigint"),
        ("select event_day as id from events", "date"),
        ("with a as (select id as x from events) select b.x as id from (select * from a) as b", "bigint"),
        ("select u.id from (select id from events union all select cast(1 as bigint)) as u", "bigint"),
    ],
)
def test_a_column_taken_over_as_it_is_needs_no_cast(tmp_path: Path, sql: str, expected: str) -> None:
    write_model(tmp_path, "mine", sql)
    assert read_enrichment(RAW, tmp_path).models["mine"].columns == {"id": expected}


@pytest.mark.parametrize(
    "sql",
    [
        "select count(*) as id from events",
        "with a as (select id + 1 as id from events) select id from a",
        "select u.id from (select id from events union all select name from events) as u",
    ],
)
def test_an_expression_needs_a_cast_wherever_it_stands(tmp_path: Path, sql: str) -> None:
    write_model(tmp_path, "mine", sql)
    with pytest.raises(Exception, match="has no type: write cast"):
        read_enrichment(RAW, tmp_path)


def test_json_cannot_be_taken_over(tmp_path: Path) -> None:
    write_model(tmp_path, "mine", "select sent as id from events")
    with pytest.raises(Exception, match="`id` is cast to json: use one of varchar"):
        read_enrichment(RAW, tmp_path)
