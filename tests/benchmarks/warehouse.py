"""PostgreSQL compared with DuckDB, and with its own limit: COPY of the same rows."""

import io
import tempfile
import time
from pathlib import Path

import psycopg2

from tests.benchmarks.measuring import Measured
from tests.benchmarks.runs import floor, pipeline, steps
from tests.benchmarks.tenant import bench_tenant
from tests.support.postgres import for_dlt, postgres_server


def report(events: int) -> list[str]:
    """Return a table of one first run on each database."""
    folder = tempfile.TemporaryDirectory
    with bench_tenant(events) as tenant, postgres_server() as server, folder() as one, folder() as other:
        address = server.new_database()
        elsewhere = {
            "PIPELINES__ANAPLAN_AUDIT__DESTINATION_TYPE": "postgres",
            "DESTINATION__POSTGRES__CREDENTIALS": for_dlt(address),
        }
        floor(tenant, Path(one))
        duck = pipeline("run", tenant.settings(Path(one)))
        postgres = pipeline("run", {**tenant.settings(Path(other)), **elsewhere})
        number, copied = _copy(address)
    return [
        f"## PostgreSQL and DuckDB: {number:,} events\n",
        "| | load, s | enrich all, s | check, s | peak MB of the pipeline |",
        "| --- | --- | --- | --- | --- |",
        _row("DuckDB", duck),
        _row("PostgreSQL", postgres),
        f"\nPostgreSQL's COPY of the same rows into a table without keys takes {copied:.1f} s.\n",
    ]


def _row(name: str, run: Measured) -> str:
    spent = steps(run)
    return f"| {name} | {spent['load']} | {spent['enrich']} | {spent['check']} | {run.peak_mb:.0f} |"


def _copy(address: str) -> tuple[int, float]:
    """Copy the raw events through memory. Return their number and the seconds of the COPY into the table."""
    connection = psycopg2.connect(address)
    with connection, connection.cursor() as cursor:
        rows = io.StringIO()
        cursor.copy_expert("copy anaplan_audit_raw.events to stdout", rows)
        rows.seek(0)
        cursor.execute("create table copied as select * from anaplan_audit_raw.events with no data")
        began = time.monotonic()
        cursor.copy_expert("copy copied from stdin", rows)
        seconds = time.monotonic() - began
        cursor.execute("select count(*) from copied")
        [(number,)] = cursor.fetchall()
    connection.close()
    return int(number), seconds
