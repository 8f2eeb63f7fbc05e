"""Dashboard queries give equal results on DuckDB and PostgreSQL, and from aggregates and facts."""

import inspect
import re
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path

import duckdb
import pandas as pd
import pytest
import sqlglot
from adbc_driver_postgresql import dbapi

from pipelines.dashboard import data_access
from pipelines.dashboard.filters import ACTOR_OR_TARGET, Filters
from pipelines.dashboard.queries import (
    access,
    changes,
    findings,
    history,
    integrations,
    licences,
    log,
    profiles,
    search,
    sign_ins,
    usage,
)
from pipelines.dashboard.queries.shapes import Query
from pipelines.warehouse.sql_fixes import for_dialect
from tests.support import scenario
from tests.support.hostile_log import HOSTILE_MODEL, HOSTILE_SPACE, MALLORY, WORLD
from tests.support.model_warehouse import open_warehouse
from tests.support.translation import WAREHOUSES, WRONG

ALL = Filters(date(2026, 3, 1), date(2026, 3, 31))
HOSTILE = Filters(ALL.first, ALL.last, (HOSTILE_SPACE, "\\' or 1=1"), (HOSTILE_MODEL, "'; --"), (MALLORY, '"'))
# With every user as a filter, the facts must give the same numbers as the aggregates.
USERS = tuple({str(event["user_id"]).lower() for event in WORLD["events"] if event.get("user_id")} | {"INTERNAL_5"})
CHANGED = history.Wanted(text="mallory", kinds=("changed", "'; --"), objects=("cell", "line_item"))
SEARCHED = search.Wanted(text="m4110", outcome="succeeded")
MORE: dict[str, Callable[[Filters], Query]] = {
    "people": lambda _: log.people(10),
    "people_with": lambda filters: log.people_with(filters.users or USERS),
    "findings_with": lambda _: findings.findings_with(["admin_role_granted:971529164212789113", "'; --", "\\' or 1=1"]),
    "evidence": lambda _: findings.evidence([971529164212789100, 971529164212789110]),
    "sign_in_events": lambda filters: sign_ins.sign_in_events(filters, ["failure"]),
    "sign_ins_by": lambda filters: sign_ins.sign_ins_by("ip_address", filters),
    "changes_by": lambda filters: changes.changes_by("user_id", "user_name", filters),
    "count": lambda filters: search.count(filters, SEARCHED),
    "page": lambda filters: search.page(filters, SEARCHED, ("occurred_at", "message", "event_id"), 2, 1),
    "everything": lambda filters: search.everything(filters, SEARCHED, ("user_label", "event_id")),
    "events": lambda filters: profiles.events(filters, ACTOR_OR_TARGET),
    "by_place": lambda filters: history.by_place(filters, CHANGED),
    "history_page": lambda filters: history.history_page(filters, CHANGED, 2, 1),
    "whole_history": lambda filters: history.whole_history(filters, CHANGED),
    "who_and_where": lambda filters: history.who_and_where(filters, CHANGED),
    "daily": lambda filters: history.daily(filters, CHANGED),
    "held_by": lambda filters: access.held_by("granted_by", filters),
    "access_by": lambda filters: changes.access_by("role_id", "role_name", filters),
}
# Queries about a copy, without rows, or about rows that only a check writes; and functions that are no query.
ELSEWHERE = (
    "last_load", "last_publication", "check_results", "acknowledged", "columns", "finding"
)  # fmt: skip
OF_RAW = ("windows", "covered", "incomplete")


def questions(filters: Filters) -> Iterator[tuple[str, Query]]:
    subjects = (access, changes, findings, history, integrations, licences, log, profiles, search, sign_ins, usage)
    for subject in subjects:
        for name, function in inspect.getmembers(subject, inspect.isfunction):
            if name.startswith("_") or function.__module__ != subject.__name__:
                continue
            if name in MORE:
                yield name, MORE[name](filters)
            elif name not in ELSEWHERE:
                yield name, function(filters) if inspect.signature(function).parameters else function()


def answers(filters: Filters) -> dict[str, list[tuple]]:
    found = {}
    for name, query in questions(filters):
        frame = data_access.read(query.sql("duckdb"), data_access.RAW if name in OF_RAW else data_access.ENRICHED)
        rows = [tuple(None if pd.isna(value) else value for value in row) for row in frame.itertuples(index=False)]
        found[name] = sorted(rows, key=lambda row: [str(value) for value in row])
    return found


@pytest.fixture(scope="module")
def kept() -> list[dict[str, list[tuple]]]:
    return []


@pytest.fixture
def on_duckdb(log: Path, kept: list[dict[str, list[tuple]]]) -> list[dict[str, list[tuple]]]:
    """The answers on DuckDB without filters and with hostile ones, asked once for all tests of this file."""
    if not kept:
        kept.extend((answers(ALL), answers(HOSTILE)))
    return kept


@pytest.fixture(params=["copied", pytest.param("enriched", marks=pytest.mark.variant)])
def postgres_log(request: pytest.FixtureRequest, log: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The log in PostgreSQL: as the rows of the DuckDB file, or enriched there."""
    address = request.getfixturevalue("postgres").new_database()

    class Server:
        @staticmethod
        def new_database() -> str:
            return address

    class Request:
        @staticmethod
        def getfixturevalue(_: str) -> type[Server]:
            return Server

    if request.param == "copied":
        copy_tables(log, address)
    else:
        with open_warehouse("postgres", Request, tmp_path) as warehouse:  # type: ignore[arg-type]
            warehouse.load(**WORLD)
            warehouse.enrich()
    monkeypatch.setenv("PIPELINES__ANAPLAN_AUDIT__DESTINATION_TYPE", "postgres")
    monkeypatch.setenv("DESTINATION__POSTGRES__CREDENTIALS", address.replace("postgres:@/", "postgres:none@localhost/"))
    # The session's time zone must not shift the hours.
    monkeypatch.setenv("PGTZ", "Asia/Kolkata")


def copy_tables(source: Path, address: str) -> None:
    """Copy every table of a DuckDB file to a PostgreSQL database."""
    with duckdb.connect(str(source), read_only=True) as file, dbapi.connect(address) as server:
        found = file.execute("select schema_name, table_name from duckdb_tables()").fetchall()
        with server.cursor() as cursor:
            for schema in sorted({schema for schema, _ in found}):
                cursor.execute(f"create schema {schema}")
            for schema, table in found:
                rows = file.execute(f"from {schema}.{table}").to_arrow_table()
                cursor.adbc_ingest(table, rows, db_schema_name=schema)
        server.commit()


@pytest.mark.long
def test_postgres_and_duckdb_give_equal_results(on_duckdb: list[dict[str, list[tuple]]], postgres_log: None) -> None:
    assert [answers(ALL), answers(HOSTILE)] == on_duckdb
    # The log has no actions, and is a week long, so nothing is idle for 30 days.
    empty = sorted(name for name, rows in on_duckdb[0].items() if not rows)
    assert empty == ["actions", "idle_models", "idle_users", "idle_workspaces"]


def test_hostile_values_stay_values(on_duckdb: list[dict[str, list[tuple]]]) -> None:
    everything, found = on_duckdb
    assert [(row.changes) for row in data_access.read(changes.changes(HOSTILE).sql("duckdb")).itertuples()] == [1]
    assert {row[1] for row in found["daily_events"]} == {2}
    assert len(everything["daily_events"]) > 1, "nothing was dropped"


@pytest.mark.parametrize(
    "query", [usage.top_models, usage.top_pages, usage.top_apps, usage.top_users, usage.daily_visits]
)
def test_facts_and_aggregates_agree(log: Path, query: Callable[[Filters], Query]) -> None:
    by_user = Filters(ALL.first, ALL.last, users=USERS)
    aggregates, facts = (data_access.read(query(filters).sql("duckdb")) for filters in (ALL, by_user))
    order = list(aggregates.columns)
    pd.testing.assert_frame_equal(
        facts.sort_values(order, ignore_index=True), aggregates.sort_values(order, ignore_index=True)
    )


def test_active_people_of_a_place_are_those_of_its_events(log: Path) -> None:
    places = Filters(ALL.first, ALL.last, models=(scenario.PLAN,))
    ((people,),) = data_access.read(
        f"select count(distinct user_id) from fct_events where model_id = '{scenario.PLAN}' and user_kind = 'person'"
    ).values
    assert data_access.read(licences.active(places).sql("duckdb"))["people"].tolist() == [people] != [0]


def test_daily_people_of_a_model_are_counted_once(log: Path) -> None:
    places = Filters(ALL.first, ALL.last, models=(scenario.PLAN,))
    by_place = data_access.read(usage.daily_people(places).sql("duckdb"))
    assert by_place["people"].max() == 1


def test_hours_are_utc(log: Path) -> None:
    rows = data_access.read(usage.hourly_visits(Filters(date(2026, 3, 4), date(2026, 3, 4))).sql("duckdb"))
    assert set(rows["quarter"] // 4 % 24) == {12, 23}


@pytest.mark.parametrize("warehouse", WAREHOUSES)
def test_every_query_translates_for_every_warehouse(warehouse: str) -> None:
    for name, query in questions(HOSTILE):
        text = for_dialect(query, warehouse).sql(warehouse, unsupported_level=sqlglot.ErrorLevel.RAISE)
        assert sqlglot.parse_one(text, dialect=warehouse).find(sqlglot.exp.Select), name
        assert re.findall(f"{WRONG.get(warehouse, 'TIME_TO_UNIX')}|TIME_TO_UNIX", text) == [], name
