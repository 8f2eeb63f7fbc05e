"""A ClickHouse for tests: the engine of chdb in a process of its own."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

from tests.support import clickhouse_server
from tests.support.same_tables import Tables

CREDENTIALS = "DESTINATION__CLICKHOUSE__CREDENTIALS__"
# Not the zone of the tables, and with a clock that changes.
ZONE = "America/New_York"


@contextmanager
def running_clickhouse(folder: Path) -> Iterator[dict[str, str]]:
    """Run a server that keeps its data in a folder; give the environment that makes it the destination."""
    process = subprocess.Popen(
        [sys.executable, clickhouse_server.__file__, str(folder)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "TZ": ZONE},
    )
    assert process.stdin and process.stdout
    try:
        native, http = process.stdout.readline().split()
        settings = {"HOST": "127.0.0.1", "PORT": native, "HTTP_PORT": http, "DATABASE": "anaplan", "SECURE": "0"}
        settings |= {"USERNAME": "default", "PASSWORD": "none"}
        yield {
            "PIPELINES__ANAPLAN_AUDIT__DESTINATION_TYPE": "clickhouse",
            **{CREDENTIALS + name: value for name, value in settings.items()},
        }
    finally:
        process.kill()
        process.wait()
        process.stdin.close()
        process.stdout.close()


def clickhouse_tables(settings: dict[str, str]) -> Tables:
    """Return the rows of the enriched tables as `tables_of` does."""
    from clickhouse_driver import Client

    with Client(settings[CREDENTIALS + "HOST"], port=settings[CREDENTIALS + "PORT"]) as client:
        columns = client.execute(
            "select table, arraySort(groupArray(name)) from system.columns where database = 'anaplan'"
            " and startsWith(table, 'anaplan_audit___') and not startsWith(name, '_dlt') group by table"
        )
        names = {table.removeprefix("anaplan_audit___"): found for table, found in columns}
        return {
            table: sorted(
                (
                    tuple(map(_by_minute, row))
                    for row in client.execute(f"select {', '.join(found)} from anaplan.anaplan_audit___{table}")
                ),
                key=str,
            )
            for table, found in names.items()
            if not table.startswith(("_", "dlt_")) and table != "check_results"
        }


def _by_minute(value: Any) -> Any:
    return value.replace(second=0, microsecond=0) if isinstance(value, datetime) else value
