"""An hour with 2,000 new events after a history of 1 and of 10 million events, and rows that its statements scan.

A month is loaded once, and repeated back in time inside the database. python -m tests.benchmarks.history prints the
table alone, with each number of months in its arguments (by default 1 and 10); `--statements` adds the statements that
scan most. BENCH_HISTORY sets the number of events a month.
"""

import json
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple

import duckdb

from tests.benchmarks.hourly import HALF_AN_HOUR_MS
from tests.benchmarks.measuring import Measured, measure
from tests.benchmarks.runs import pipeline
from tests.benchmarks.tenant import SOURCE, BenchTenant, bench_tenant
from tests.conftest import event

EVENTS = int(os.environ.get("BENCH_HISTORY", "1000000"))
MONTHS = [1, 10]
NEW_EVENTS, ROUNDS, MOST = 2000, 2, 1.2
DAYS = 30
# All days are equal, so that the weekday of the measurement is irrelevant.
OPTIONS = ("--days", str(DAYS), "--retention-days", str(DAYS), "--weekend", "1")
RAW = "anaplan_audit_raw"
# What moves back in time, by table. Ids stay unique, and rise with time.
MOVED = {
    "events": ("event_day", "event_date", "created_date"),
    "event_windows": ("window_day", "window_start", "window_end"),
    "event_days": ("event_day",),
}
SHOWN_STATEMENTS = 12
EXPLAINED = "DuckDB scans whole row groups, so a history of less than about a million events looks steeper than it is."


class Scanned(NamedTuple):
    """The rows that one statement scanned, by table."""

    statement: str
    tables: dict[str, int]

    @property
    def rows(self) -> int:
        return sum(self.tables.values())


class Hour(NamedTuple):
    """The measured runs after one history, and the statements of one more."""

    events: int
    day: int
    runs: list[Measured]
    scanned: list[Scanned]

    @property
    def cpu(self) -> float:
        return min(run.cpu for run in self.runs)

    @property
    def rows(self) -> int:
        return sum(one.rows for one in self.scanned)


def report(months: list[int] | None = None, *, with_statements: bool = False) -> list[str]:
    """Return a table of the hours, and the statements that scan most if wanted."""
    lines = [
        f"## An hour with {NEW_EVENTS:,} new events after a long history, checks included; the least of {ROUNDS}\n",
        "| events there | processor, s | × the first | seconds | rows scanned | × the first | × the touched day |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    hours: list[Hour] = []
    with bench_tenant(EVENTS, *OPTIONS) as tenant, tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        # All models are read at once: one that an hour reads for the first time has it write many days again.
        environment = {
            **tenant.settings(folder),
            f"{SOURCE}HISTORY_DAYS": str(DAYS),
            f"{SOURCE}MODEL_REQUESTS_PER_RUN": "100000",
        }
        pipeline("run", environment)
        loaded = shutil.copy(folder / "audit_log.duckdb", folder / "loaded.duckdb")
        now = _add_events(tenant)
        for number in months or MONTHS:
            hours.append(_hour(folder, loaded, environment, number, now))
            lines.append(_line(hours[-1], hours[0]))
            print(lines[-1], flush=True)
    lines.append(f"\nThe goal is {MOST} times the first at most. {EXPLAINED}\n")
    return [*lines, *(_statements(hours[-1]) if with_statements else [])]


def _add_events(tenant: BenchTenant) -> int:
    now: int = tenant.control("/clock", {"advance_ms": 300_000})["now_ms"]
    tenant.control("/clock", {"ms": now})
    tenant.control("/events", {"events": [event(n, now - HALF_AN_HOUR_MS) for n in range(NEW_EVENTS)]})
    return now


def _hour(folder: Path, loaded: str, environment: dict[str, str], months: int, now: int) -> Hour:
    database = folder / "audit_log.duckdb"
    shutil.copy(loaded, database)
    _repeat(database, months)
    measure([sys.executable, "-m", "pipelines.audit", "enrich", "--full-refresh"], environment)
    measure([sys.executable, "-m", "pipelines.audit", "check"], environment)
    before = shutil.copy(database, folder / "before.duckdb")
    runs = []
    for _ in range(ROUNDS):
        shutil.copy(before, database)
        runs.append(pipeline("run", environment))
        # A few events were younger than the safety lag when the month was loaded.
        assert runs[-1].out.startswith(f"loaded    {NEW_EVENTS // 1000},"), runs[-1].out
    shutil.copy(before, database)
    child = measure([sys.executable, "-m", "tests.benchmarks.history", "--child"], environment)
    scanned = [Scanned(*one) for one in json.loads(child.out.splitlines()[-1])]
    with duckdb.connect(str(database), read_only=True) as connection:
        connection.execute("set TimeZone = 'UTC'")
        day = f"cast(make_timestamptz({now - HALF_AN_HOUR_MS} * 1000) as date)"
        query = f"select count(*), count(case when event_day = {day} then 1 end) from {RAW}.events"
        [(events, of_day)] = connection.execute(query).fetchall()
    before.unlink()
    return Hour(int(events) - NEW_EVENTS, int(of_day), runs, scanned)


def _repeat(database: Path, months: int) -> None:
    """Repeat the month before itself, so that the database holds a number of months."""
    with duckdb.connect(str(database)) as connection:
        connection.execute("set TimeZone = 'UTC'")
        for back in range(1, months):
            for table, columns in MOVED.items():
                moved = [f"cast({one} - interval {DAYS * back} day as {_type(one)}) as {one}" for one in columns]
                moved += [f"id - {back} * 10000000000 as id"] if table == "events" else []
                name = f"{RAW}.{table}"
                connection.execute(f"create temporary table month as select * from {name} where {_newest(table)}")
                connection.execute(f"insert into {name} select * replace ({', '.join(moved)}) from month")
                connection.execute("drop table month")


def _newest(table: str) -> str:
    """Return the condition for the rows of the loaded month, not of those before."""
    day = MOVED[table][0]
    return f"{day} > (select max({day}) from {RAW}.{table}) - {DAYS}"


def _type(column: str) -> str:
    return "date" if column.endswith("_day") else "timestamptz"


def _line(hour: Hour, first: Hour) -> str:
    seconds = min(run.seconds for run in hour.runs)
    return (
        f"| {hour.events:,} | {hour.cpu:.1f} | {hour.cpu / first.cpu:.2f} | {seconds:.1f} "
        f"| {hour.rows:,} | {hour.rows / first.rows:.2f} | {hour.rows / hour.day:.1f} |"
    )


def _statements(hour: Hour) -> Iterator[str]:
    yield "| rows scanned | tables | statement |"
    yield "| --- | --- | --- |"
    for one in sorted(hour.scanned, key=lambda scanned: -scanned.rows)[:SHOWN_STATEMENTS]:
        tables = ", ".join(f"{table} {rows:,}" for table, rows in sorted(one.tables.items(), key=lambda item: -item[1]))
        yield f"| {one.rows:,} | {tables} | {one.statement} |"


@contextmanager
def profiled() -> Iterator[list[Scanned]]:
    """Note the rows that the statements of this process scan in DuckDB."""
    from dlt.destinations.impl.duckdb.sql_client import DuckDbSqlClient

    found: list[Scanned] = []
    clients: Any = DuckDbSqlClient
    original = clients.execute_query

    @contextmanager
    def profiling(self: Any, query: str, *args: Any, **kwargs: Any) -> Iterator[Any]:
        connection = self.native_connection
        connection.execute("pragma enable_profiling = 'no_output'")
        connection.execute(
            """set custom_profiling_settings = '{"OPERATOR_ROWS_SCANNED": "true", "EXTRA_INFO": "true"}'"""
        )
        with original(self, query, *args, **kwargs) as cursor:
            yield cursor
            tables = dict(_scans(json.loads(connection.get_profiling_information("json") or "{}")))
            found.append(Scanned(" ".join(query.split())[:100].replace("|", "/"), tables))

    clients.execute_query = profiling
    try:
        yield found
    finally:
        clients.execute_query = original


def _scans(plan: dict[str, Any]) -> Iterator[tuple[str, int]]:
    found: dict[str, int] = {}
    rest = [plan]
    while rest:
        node = rest.pop()
        rest += node.get("children", [])
        if table := node.get("extra_info", {}).get("Table"):
            name = str(table).partition(".")[2]
            found[name] = found.get(name, 0) + int(node.get("operator_rows_scanned", 0))
    yield from found.items()


def _child() -> None:
    from pipelines.cli.main import cli

    with profiled() as scanned:
        # The command ends by raising its exit code.
        with suppress(SystemExit):
            cli(["run"])
        print(json.dumps(scanned), flush=True)


if __name__ == "__main__":
    if "--child" in sys.argv:
        _child()
    else:
        numbers = [int(one) for one in sys.argv[1:] if one.isdigit()]
        print(*report(numbers, with_statements="--statements" in sys.argv), sep="\n")
