"""Skewed tenants: half of all events of one user, address, model, action or day, beside the same events spread.

python -m tests.benchmarks.skewed prints the table alone; BENCH_SKEWED sets the number of events. Processor seconds are
compared, because the machine does other work too.
"""

import json
import os
import shutil
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

import duckdb

from tests.benchmarks.measuring import measure
from tests.benchmarks.runs import pipeline, stored
from tests.benchmarks.tenant import bench_tenant

EVENTS = int(os.environ.get("BENCH_SKEWED", "100000"))
MOST = 1.5
USER = "max(user_id) from anaplan_audit_raw.events where user_id = lower(user_id)"
MODEL = "max(lower(id)) from anaplan_audit_raw.models"
DAY = "max(event_day) - 1 from anaplan_audit_raw.events"
FAILURE = "event_type_code = 'USR-9', success = false"
REFUSAL = "event_type_code = 'USR-14'"
GRANT = "event_type_code = 'AUTHZ-3', additional_attributes__role_id = 'role ' || id % 1000, success = true"
EXPORT = "event_type_code = 'USR-32', additional_attributes__action_id = '116000000001', success = true"


class Shape(NamedTuple):
    """What half of the events get, in SQL: in the skewed log and, except for the skew, in the even one."""

    name: str
    skewed: str
    both: str = "user_id = user_id"


SHAPES = [
    Shape("one user", f"user_id = (select {USER})"),
    Shape("one address", "ip_address = '203.0.113.1'"),
    Shape("one model", f"additional_attributes__model_id = (select {MODEL})"),
    Shape(
        "one day", f"event_day = (select {DAY}), event_date = (select {DAY}) + (event_date - event_day::timestamptz)"
    ),
    Shape("failed sign-ins of one account", f"user_id = (select {USER})", FAILURE),
    Shape(
        "failed sign-ins from one address", "user_id = null, ip_address = '203.0.113.1'", f"{FAILURE}, user_id = null"
    ),
    Shape("refused accesses of one account", f"user_id = (select {USER})", REFUSAL),
    Shape("roles given to one user", f"additional_attributes__target_user_id = (select {USER})", GRANT),
    Shape("runs of one export by one user", f"user_id = (select {USER})", EXPORT),
]


class Spent(NamedTuple):
    """Processor seconds of a full enrichment and of all checks."""

    enrich: float
    check: float


def report(events: int = EVENTS) -> list[str]:
    """Return a table of the ratios."""
    lines = []
    with bench_tenant(events) as tenant, tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        environment = tenant.settings(folder)
        pipeline("load", environment)
        number = stored(folder)
        loaded = shutil.copy(folder / "audit_log.duckdb", folder / "loaded.duckdb")
        spread: dict[str, Spent] = {}
        for shape in SHAPES:
            if shape.both not in spread:
                spread[shape.both] = _spent(folder, loaded, environment, shape.both)
            lines.append(_line(shape.name, _spent(folder, loaded, environment, _merged(shape)), spread[shape.both]))
            print(lines[-1], flush=True)
    return [
        f"## Skewed tenants: half of {number:,} events, processor seconds beside those of an even log\n",
        "| half of all events | enrich all | × even | check | × even |",
        "| --- | --- | --- | --- | --- |",
        *lines,
        f"\nThe goal is {MOST} times the even one at most.\n",
    ]


def _merged(shape: Shape) -> str:
    """Return the changes of the skewed log: a column of both is set once."""
    columns = {part.partition(" = ")[0] for part in shape.skewed.split(", ")}
    kept = [part for part in shape.both.split(", ") if part.partition(" = ")[0] not in columns]
    return ", ".join([*kept, shape.skewed])


def _line(name: str, skewed: Spent, even: Spent) -> str:
    enriched, checked = skewed.enrich / even.enrich, skewed.check / even.check
    return f"| {name} | {skewed.enrich:.1f} | {enriched:.2f} | {skewed.check:.1f} | {checked:.2f} |"


def _spent(folder: Path, loaded: str, environment: dict[str, str], changes: str) -> Spent:
    database = folder / "audit_log.duckdb"
    shutil.copy(loaded, database)
    with duckdb.connect(str(database)) as connection:
        connection.execute("set TimeZone = 'UTC'")
        connection.execute(f"update anaplan_audit_raw.events set {changes} where id % 2 = 0")
        # The days of windows no longer fit: only whether checks take longer is asked here.
        connection.execute("update anaplan_audit_raw.event_windows set distinct_events = 0, inside_events = 0")
    run = measure([sys.executable, "-m", "tests.benchmarks.skewed", "--child"], environment)
    return Spent(*json.loads(run.out.splitlines()[-1]))


def _child() -> None:
    from pipelines.common import start_up
    from pipelines.transform.checks import check
    from pipelines.transform.runner import enrich
    from pipelines.warehouse.pipelines import ENRICH_MEMORY, open_pipelines

    start_up.set_dlt_switches()
    start_up.keep_memory_low()
    with open_pipelines() as pipelines:
        pipelines.limit_memory(ENRICH_MEMORY)
        began = time.process_time()
        enrich(pipelines.enriched, pipelines.raw, full_refresh=True)
        enriched = time.process_time()
        failed = [result.line() for result in check(pipelines.enriched, pipelines.raw) if not result.passed]
        checked = time.process_time()
    assert not failed, failed
    print(json.dumps([enriched - began, checked - enriched]))


if __name__ == "__main__":
    _child() if "--child" in sys.argv else print(*report(), sep="\n")
