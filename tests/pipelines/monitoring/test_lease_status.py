"""`status` names the run that holds the lease, on engines that have one."""

from contextlib import AbstractContextManager
from datetime import datetime, timedelta
from pathlib import Path

import dlt
import pytest

from pipelines.warehouse.engine import Engine as Destination
from pipelines.warehouse.engine import engine
from pipelines.warehouse.postgres import Postgres as PostgresEngine
from tests.conftest import Engine, Tenant, plain_server
from tests.support.status_command import some_events, status, write


def take_the_lease(monkeypatch: pytest.MonkeyPatch) -> None:
    """Replace the lock of PostgreSQL in this process by the lease."""
    monkeypatch.setattr(PostgresEngine, "lock", Destination.lock)
    monkeypatch.setattr(PostgresEngine, "has_lease", True)


@pytest.mark.parametrize("engine", ["postgres"], indirect=True)
def test_status_shows_who_holds_the_lease(engine: Engine, tenant: Tenant, monkeypatch: pytest.MonkeyPatch) -> None:
    take_the_lease(monkeypatch)
    with plain_server(some_events()) as server:
        assert tenant.at(server.url).run("load").code == 0
        assert status(tenant)[1]["lease"] is None
        with held():
            lease = status(tenant)[1]["lease"]
            shown = tenant.run("status").out
            refused = tenant.run("acknowledge", "gaps")
        assert refused.code == 75 and f"process {lease['pid']} on machine `{lease['host']}`" in refused.err
        since, until = (datetime.fromisoformat(lease[name]) for name in ("since", "until"))
        assert until - since == timedelta(seconds=900)
        assert f"running     process {lease['pid']} on {lease['host']} since {since:%Y-%m-%d %H:%M} UTC" in shown
        # A killed run leaves its row.
        write(
            engine, "insert into anaplan_audit_raw.run_leases values ('a', 0, now() - interval '1 hour', 900, 'h', 7)"
        )
        assert status(tenant)[1]["lease"] is None
        assert tenant.run("load").code == 0
    assert engine.rows("select count(*) from anaplan_audit_raw.run_leases") == [(0,)]


def held() -> AbstractContextManager[None]:
    """Hold the lease as another run."""
    pipeline = dlt.pipeline("other", destination=engine().destination(), dataset_name="anaplan_audit_raw")
    return engine().lock(pipeline, "anaplan_audit_raw")


def test_status_of_an_engine_with_another_lock_shows_no_lease(duck: Engine, tenant: Tenant, tmp_path: Path) -> None:
    with plain_server(some_events()) as server:
        assert tenant.at(server.url).run("load").code == 0
        assert status(tenant)[1]["lease"] is None
    assert duck.rows("select count(*) from duckdb_tables() where table_name = 'run_leases'") == [(0,)]
