"""Large tables are partitioned, clustered, sorted or indexed by day, in the SQL that dlt sends to each warehouse."""

import time
from typing import Any

import dlt
import psycopg2
import pytest
from dlt.common.destination import Destination

from audit_source import schema
from pipelines.run.load import DAYS
from pipelines.transform import materialize
from pipelines.warehouse.engine import engine_named
from pipelines.warehouse.postgres import Postgres
from tests.conftest import Engine, Tenant, event, plain_server
from tests.support.drivers import SETTINGS, pretended_drivers
from tests.support.tenant_records import LISTS
from tests.support.translation import ENRICHMENT

EXPECTED = {
    "bigquery": "PARTITION BY `{day}`",
    "snowflake": 'CLUSTER BY ("{DAY}")',
    "databricks": "CLUSTER BY (`{day}`)",
    "redshift": '"{day}" date SORTKEY',
    "clickhouse": "PARTITION BY toYYYYMM({day})\nSETTINGS allow_nullable_key = true",
}
BY_DAY = {name: model for name, model in ENRICHMENT.models.items() if model.docs.day is not None}


def statements(kind: str, *tables: Any) -> dict[str, str]:
    """Return the statements by which dlt creates tables on a destination."""
    described = dlt.Schema("audit")
    for table in tables:
        described.update_table(table)
    with pretended_drivers():
        destination: Any = Destination.from_reference(kind, **engine_named(kind).destination_options())
        config = destination.configuration(destination.spec(), accept_partial=True)
        config._bind_dataset_name("raw", "audit")
        client = destination.client_class(described, config, destination.capabilities(naming=described.naming))
        columns = {table["name"]: list(described.get_table_columns(table["name"]).values()) for table in tables}
        return {name: "\n".join(client._get_table_update_sql(name, own, False)) for name, own in columns.items()}


def events(engine: Any) -> Any:
    table = next(table for table in schema.TABLES if table.name == "events")
    resource = dlt.resource([], name="events", columns=table.dlt_columns, primary_key="id")  # type: ignore[call-overload]
    return resource.apply_hints(**engine.day_hints(DAYS["events"])).compute_table_schema()


def expected(kind: str, day: str) -> str:
    return EXPECTED[kind].replace("{day}", day).replace("{DAY}", day.upper())


@pytest.mark.parametrize("kind", EXPECTED)
def test_large_tables_are_created_with_their_days(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in SETTINGS.get(kind, {}).items():
        monkeypatch.setenv(f"DESTINATION__{kind}__CREDENTIALS__{name}".upper(), value)
    used = engine_named(kind)
    monkeypatch.setattr(materialize, "engine", lambda: used)
    no_dataset: Any = None
    models = [materialize.empty_resource(no_dataset, model).compute_table_schema() for model in BY_DAY.values()]
    sent = statements(kind, events(used), *models)
    assert expected(kind, "event_day") in sent["events"]
    assert {"fct_events", "fct_sign_ins", "fct_model_history", "agg_daily_usage"} <= BY_DAY.keys()
    for name, model in BY_DAY.items():
        assert expected(kind, str(model.docs.day)) in sent[name], sent[name]


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


@pytest.mark.parametrize("engine", ["postgres"], indirect=True)
@pytest.mark.usefixtures("few_models", "no_details")
def test_postgres_finds_rows_of_an_earlier_version_by_day(
    tenant: Tenant, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    index = "select indexname from pg_indexes where indexname = 'fct_events_by_event_day'"
    now = int(time.time() * 1000)
    with plain_server([event(1, now - 600_000)], LISTS) as server, monkeypatch.context() as earlier:
        earlier.setattr(Postgres, "day_column_hints", lambda _: {})
        assert tenant.at(server.url).run("run").code == 0
        assert engine.rows(index) == []
        earlier.undo()
        server.events = [*server.events, event(2, now - 300_000)]
        assert tenant.run("run").code == 0
    assert len(engine.rows(index)) == 1
    assert engine.rows("select count(*) from anaplan_audit.fct_events") == [(2,)]
