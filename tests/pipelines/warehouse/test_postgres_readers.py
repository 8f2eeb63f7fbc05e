"""A reader with an open transaction, such as a dump or a forgotten session, on a real PostgreSQL."""

import time
from typing import Any

import psycopg2
import pytest

from pipelines.warehouse.pipelines import open_pipelines
from tests.conftest import Engine, Tenant, event, plain_server
from tests.support.postgres import Postgres, for_dlt


@pytest.fixture
def engine(postgres: Postgres, monkeypatch: pytest.MonkeyPatch) -> Engine:
    address = postgres.new_database()
    monkeypatch.setenv("PIPELINES__ANAPLAN_AUDIT__DESTINATION_TYPE", "postgres")
    monkeypatch.setenv("PIPELINES__ANAPLAN_AUDIT__WAIT_FOR_READERS_SECONDS", "1")
    monkeypatch.setenv("DESTINATION__POSTGRES__CREDENTIALS", for_dlt(address))
    return Engine("postgres", address)


@pytest.mark.usefixtures("few_models")
def test_open_readers_and_runs_do_not_block_each_other(tenant: Tenant, engine: Engine) -> None:
    now = int(time.time() * 1000)
    sent: list[dict[str, Any]] = [event(n, now - (n + 5) * 60_000) for n in range(5)]
    tenant.set("HISTORY_DAYS", 2)
    with plain_server(sent, {}) as server:
        tenant.at(server.url)
        assert tenant.run("run").code == 0
        with psycopg2.connect(engine.address, application_name="forgotten") as reader, reader.cursor() as cursor:
            tables = engine.rows(
                "select table_schema, table_name from information_schema.tables where table_schema like 'anaplan%'"
            )
            for schema, table in tables:
                cursor.execute(f"select count(*) from {schema}.{table}")
            sent.append(event(50, now - 3 * 60_000))
            outcome = tenant.run("run")
            assert outcome.code == 0, outcome
            # Another reader gets the new rows at once.
            assert engine.rows("select count(*) from anaplan_audit.fct_events") == [(6,)]
            # A new column needs a lock that excludes readers: the run ends in time and names the session in the way.
            sent.append({**event(51, now - 2 * 60_000), "shoeSize": 44})
            began = time.monotonic()
            outcome = tenant.run("run")
            assert outcome.code == 75 and time.monotonic() - began < 30
            assert f"session {reader.info.backend_pid} of " in outcome.err and "(forgotten)" in outcome.err
            assert engine.rows("select count(*) from anaplan_audit.fct_events") == [(6,)]
        assert tenant.run("run").code == 0
    assert engine.rows("select count(*) from anaplan_audit.fct_events") == [(7,)]


def test_runs_wait_for_a_lock_longer_than_autovacuum_keeps_one(
    tenant: Tenant, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Autovacuum gives way when somebody has waited for `deadlock_timeout`: a second."""
    monkeypatch.setenv("PIPELINES__ANAPLAN_AUDIT__WAIT_FOR_READERS_SECONDS", "0")
    with open_pipelines() as pipelines, pipelines.raw.sql_client() as client:
        rows = client.execute_sql("select current_setting('lock_timeout'), current_setting('deadlock_timeout')")
    assert rows == [("1500ms", "1s")]
