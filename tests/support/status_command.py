"""The `status` command's JSON answer, a day of events, and statements that change the destination directly."""

import json
import time
from typing import Any

from pipelines.monitoring.status import KEYS
from tests.conftest import Engine, Tenant, event

EVENTS = 12


def some_events() -> list[dict[str, Any]]:
    """Return an event for each of the last hours."""
    now = int(time.time() * 1000)
    return [event(i, now - 600_000 - i * 3_600_000) for i in range(EVENTS)]


def status(tenant: Tenant, *options: str) -> tuple[int, dict[str, Any]]:
    """Return the exit code and the JSON answer, which has exactly the documented keys."""
    outcome = tenant.run("status", "--json", *options)
    assert outcome.err == ""
    answer = json.loads(outcome.out)
    assert answer.keys() == KEYS.keys()
    return outcome.code, answer


def write(engine: Engine, statement: str) -> None:
    """Run a statement in the destination, as somebody else would do."""
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
