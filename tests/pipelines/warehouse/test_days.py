"""Large tables are partitioned, clustered, sorted or indexed by day, in the SQL that dlt sends to each warehouse."""

import time
from typing import Any

import dlt
import psycopg2
import pytest
from dlt.common.destination import Destination

from audit_source import schema
from pipelines.run.load import DAYS
from pipelines.warehouse.engine import engine_named
from tests.conftest import Engine, Tenant, event, plain_server
from tests.support.drivers import SETTINGS, pretended_drivers
from tests.support.tenant_records import LISTS

EXPECTED = {
    "bigquery": "PARTITION BY `event_day`",
    "snowflake": 'CLUSTER BY ("EVENT_DAY")',
    "databricks": "CLUSTER BY (`event_day`)",
    "redshift": '"event_day" date SORTKEY',
    "clickhouse": "PARTITION BY toYYYYMM(event_day)\nSETTINGS allow_nullable_key = true",
}


def statement(kind: str) -> str:
    """Return the statement by which dlt creates `events` on a destination."""
    engine = engine_named(kind)
    table = next(table for table in schema.TABLES if table.name == "events")
    resource = dlt.resource([], name="events", columns=table.dlt_columns, primary_key="id")  # type: ignore[call-overload]
    resource.apply_hints(**engine.day_hints(DAYS["events"]))
    described = dlt.Schema("audit")
    described.update_table(resource.compute_table_schema())
    with pretended_drivers():
        destination: Any = Destination.from_reference(kind, **engine.destination_options())
        config = destination.configuration(destination.spec(), accept_partial=True)
        config._bind_dataset_name("raw", "audit")
        client = destination.client_class(described, config, destination.capabilities(naming=described.naming))
        columns = list(described.get_table_columns("events").values())
        return "\n".join(client._get_table_update_sql("events", columns, False))


@pytest.mark.parametrize("kind", EXPECTED)
def test_events_are_created_with_their_days(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in SETTINGS.get(kind, {}).items():
        monkeypatch.setenv(f"DESTINATION__{kind}__CREDENTIALS__{name}".upper(), value)
    assert EXPECTED[kind] in statement(kind)


def plan_of(engine: Engine, condition: str) -> str:
    with psycopg2.connect(engine.address) as connection, connection.cursor() as cursor:
        cursor.execute("set enable_seqscan = off")
        cursor.execute(f"explain select * from anaplan_audit_raw.events where {condition}")
        plan = "\n".join(line for (line,) in cursor.fetchall())
    connection.close()
    return plan


@pytest.mark.parametrize("engine", ["postgres"], indirect=True)
def test_postgres_finds_events_by_day_and_by_id(tenant: Tenant, engine: Engine) -> None:
    with plain_server([event(1, int(time.time() * 1000) - 600_000)], LISTS) as server:
        assert tenant.at(server.url).run("load").code == 0
        assert "events_by_event_day" in plan_of(engine, "event_day = date '2026-03-01'")
        assert "events_by_id" in plan_of(engine, "id = 1")
        # A database of an earlier version has no index, and its schema no hint.
        with psycopg2.connect(engine.address) as connection, connection.cursor() as cursor:
            cursor.execute("drop index anaplan_audit_raw.events_by_id")
            cursor.execute("update anaplan_audit_raw._dlt_version set version_hash = 'older'")
        connection.close()
        server.events = [*server.events, event(2, int(time.time() * 1000) - 300_000)]
        assert tenant.run("load").code == 0
    assert "events_by_id" in plan_of(engine, "id = 1")
