"""A first load that was killed after it stored its rows, and before dlt recorded it: its rows have no state."""

import os
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sandbox.server import Sandbox
from tests.conftest import Engine, Tenant
from tests.support.children import Child
from tests.support.dlt_functions import SQL_JOB
from tests.support.harsh import HARSH
from tests.support.killing import kill_at
from tests.support.obstacles import execute

RAW = "anaplan_audit_raw"
LISTS = ("users", "workspaces", "models")
DETAILS = ("integrations", "user_entitlements")
SMALL: dict[str, Any] = {"events": 200, "days": 3, "users": 12, "rate_limit": 0, "weekend": 1.0, **HARSH}


@pytest.fixture
def sandbox(tenant: Tenant) -> Iterator[Sandbox]:
    with Sandbox(**SMALL) as opened:
        tenant.at(opened.url, password="sandbox")
        yield opened


def forget(engine: Engine, dlt_folder: Path) -> None:
    """Remove what a load writes last, and what it leaves on this machine."""
    execute(engine, *(f"delete from {RAW}.{table}" for table in ("_dlt_loads", "_dlt_pipeline_state")))
    shutil.rmtree(dlt_folder / "pipelines")


def versions(engine: Engine, tables: tuple[str, ...]) -> dict[str, Any]:
    """Return the number of versions of each table, and how many of them ended."""
    query = "select count(*), count(_dlt_valid_to) from"
    return {table: engine.rows(f"{query} {RAW}.{table}")[0] for table in tables}


@pytest.mark.usual_engine("duckdb")
@pytest.mark.usefixtures("no_details")
def test_lists_that_are_refused_after_it_end_no_version(
    tenant: Tenant, sandbox: Sandbox, engine: Engine, tmp_path: Path
) -> None:
    assert tenant.run("load").code == 0
    before = versions(engine, LISTS)
    assert all(number > 0 for number, _ in before.values())
    forget(engine, tmp_path / "dlt")
    sandbox.faults.add(*(f"{name}:500:*" for name in LISTS))
    assert tenant.run("load").code == 4
    assert versions(engine, LISTS) == before
    sandbox.faults.clear()
    assert tenant.run("load").code == 0
    assert versions(engine, LISTS) == before


def test_lists_that_shrank_sharply_after_it_are_not_applied(
    tenant: Tenant, sandbox: Sandbox, duck: Engine, tmp_path: Path
) -> None:
    """What it stored is known although it left no state: how long the lists were, and whose tenant it is."""
    tenant.set("MODEL_REQUESTS_PER_RUN", 0)
    assert tenant.run("load").code == 0
    before = versions(duck, (*LISTS, *DETAILS))
    forget(duck, tmp_path / "dlt")
    for integration in sandbox.company.integrations[1:]:
        sandbox.remove_integration(integration.id)
    sandbox.set_collection("users", sandbox.users()[:2])
    outcome = tenant.run("load")
    assert outcome.code == 5, outcome
    for name, left, number in (("users", 2, 14), ("integrations", 1, before["integrations"][0])):
        assert f"list of {name}: {left} of {number} records are left" in outcome.err
    assert "list of user_entitlements: 2 of" in outcome.err
    assert versions(duck, (*LISTS, *DETAILS)) == before
    with Sandbox(**SMALL, seed=2) as other:
        tenant.at(other.url, password="sandbox")
        forget(duck, tmp_path / "dlt")
        outcome = tenant.run("load")
        assert outcome.code == 2 and "but the database holds tenant" in outcome.err, outcome.err
        assert versions(duck, (*LISTS, *DETAILS)) == before


@pytest.mark.long
@pytest.mark.usual_engine("duckdb")
@pytest.mark.usefixtures("no_details")
def test_real_kill_before_the_record_ends_no_version(
    tenant: Tenant, sandbox: Sandbox, engine: Engine, tmp_path: Path
) -> None:
    prepare = [(kill_at, f"{SQL_JOB}:SqlJobClientBase.complete_load", "before", 1)]
    killed = Child(tmp_path, dict(os.environ), ["load"], prepare).end()
    assert killed.code == -signal.SIGKILL, killed.err
    before = versions(engine, LISTS)
    assert all(number > 0 for number, _ in before.values())
    assert engine.rows(f"select count(*) from {RAW}._dlt_loads") == [(0,)]
    sandbox.faults.add(*(f"{name}:500:*" for name in LISTS))
    assert tenant.run("load").code == 4
    sandbox.faults.clear()
    assert tenant.run("load").code == 0
    assert versions(engine, LISTS) == before
