"""The `status` command's JSON answer, a day of events, and statements that change the destination directly."""

import json
import time
from typing import Any

from pipelines.monitoring.status import KEYS
from tests.conftest import Engine, Tenant, event

EVENTS = 12


def some_events() -> list[dict[str, Any]]:
    now = int(time.time() * 1000)
    return [event(i, now - 600_000 - i * 3_600_000) for i in range(EVENTS)]


def status(tenant: Tenant, *options: str) -> tuple[int, dict[str, Any]]:
    outcome = tenant.run("status", "--json", *options)
    assert outcome.err == ""
    told = json.loads(outcome.out)
    assert told.keys() == KEYS.keys()
    return outcome.code, told


def write(engine: Engine, statement: str) -> None:
    """Changes the destination behind the pipeline's back."""
    if engine.kind == "duckdb":
        import duckdb

        with duckdb.connect(engine.address) as connection:
            connection.execute("set TimeZone = 'UTC'")
            connection.execute(statement)
        return
    import psycopg2

    with psycopg2.connect(engine.address) as connection, connection.cursor() as cursor:
        cursor.execute("set time zone 'UTC'")
        cursor.execute(statement)
