"""After a year of hourly runs, tables of dlt and of the checks hold no more than after weeks, and dlt finds its state."""

from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from pipelines.monitoring import status as status_module
from pipelines.run import upkeep
from pipelines.warehouse.pipelines import open_pipelines
from pipelines.warehouse.reader import Reader
from tests.conftest import Engine, Tenant, plain_server
from tests.support.places import ENRICHED, RAW
from tests.support.status_command import some_events, status, write
from tests.support.tenant_records import LISTS

RUNS = 10_000
NOW = datetime.now(timezone.utc)
HOURS = f"from (select generate_series as number from generate_series(1, {RUNS})) as hours"
# Moments and load ids of the runs of the last year, an hour apart.
MOMENT = f"cast('{NOW:%Y-%m-%d %H:00:00+00:00}' as timestamptz) - number * interval '1 hour'"
LOAD_ID = f"cast({int(NOW.timestamp())} - number * 3600 as varchar) || '.123456'"


@pytest.fixture(autouse=True)
def server(tenant: Tenant) -> Iterator[None]:
    with plain_server(some_events(), LISTS) as opened:
        tenant.at(opened.url)
        yield


def fake_year(engine: Engine) -> None:
    write(
        engine,
        f"insert into {RAW}.runs (run_id, command, started_at, ended_at, exit_code, late_events)"
        f" select 'run ' || number, 'run', {MOMENT}, {MOMENT}, 0, 1 {HOURS}",
    )
    for dataset, name, schema in ((RAW, "anaplan_audit", "audit"), (ENRICHED, "anaplan_audit_enrich", "enrichment")):
        write(
            engine,
            f"insert into {dataset}._dlt_loads (load_id, schema_name, status, inserted_at)"
            f" select {LOAD_ID}, '{schema}', 0, {MOMENT} {HOURS}",
        )
        write(
            engine,
            f"insert into {dataset}._dlt_pipeline_state"
            " (version, engine_version, pipeline_name, state, created_at, _dlt_load_id, _dlt_id)"
            f" select number, 4, '{name}', 'old', {MOMENT}, {LOAD_ID}, 'row ' || number {HOURS}",
        )
    write(
        engine,
        f"insert into {ENRICHED}.check_results (check_name, status, failing_rows, checked_at, _dlt_load_id, _dlt_id)"
        f" select 'a check', case when number % 1000 = 0 then 'failed' else 'passed' end, 0, {MOMENT}, {LOAD_ID},"
        f" 'row ' || number {HOURS}",
    )


def counts(engine: Engine) -> dict[str, int]:
    tables = [f"{RAW}.runs", f"{ENRICHED}.check_results"]
    tables += [f"{dataset}.{one}" for dataset in (RAW, ENRICHED) for one in ("_dlt_loads", "_dlt_pipeline_state")]
    return {table: engine.rows(f"select count(*) from {table}")[0][0] for table in tables}


@pytest.mark.usual_engine("duckdb")
@pytest.mark.usefixtures("few_models")
def test_a_year_of_runs_leaves_short_tables(tenant: Tenant, engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    assert tenant.run("run").code == 0
    before = counts(engine)
    _, told_before = status(tenant)
    fake_year(engine)
    monkeypatch.setattr(upkeep, "_is_first_of_day", lambda *_: True)
    assert tenant.run("run").code == 0

    now = counts(engine)
    assert now[f"{RAW}.runs"] == before[f"{RAW}.runs"] + RUNS + 1
    for dataset in (RAW, ENRICHED):
        assert now[f"{dataset}._dlt_pipeline_state"] <= 48 + 10
        assert now[f"{dataset}._dlt_loads"] <= upkeep.LOADS_DAYS * 24 + 20
    checks = before[f"{ENRICHED}.check_results"]
    old = engine.rows(f"select status, count(*) from {ENRICHED}.check_results where check_name = 'a check' group by 1")
    passed = dict(old)["passed"]
    # The hour may have ended since the rows were made; two of the last 90 days failed.
    assert 0 <= upkeep.PASSED_CHECKS_DAYS * 24 - passed <= 4
    assert dict(old)["failed"] == RUNS // 1000
    assert now[f"{ENRICHED}.check_results"] <= upkeep.PASSED_CHECKS_DAYS * 24 + 8 + 2 * checks

    code, told = status(tenant)
    assert (code, told["problems"], told["warnings"]) == (0, [], [])
    late = told["late_events"]["events"] - told_before["late_events"]["events"]
    assert 0 <= status_module.LATE_EVENT_DAYS * 24 - late <= 2
    # dlt restores the newest state: the run finds nothing that it does not know.
    outcome = tenant.run("run")
    assert outcome.out.startswith("loaded    0 new events")
    assert outcome.code == 0


@pytest.mark.usefixtures("few_models")
def test_a_run_removes_old_records_once_a_day(tenant: Tenant, engine: Engine) -> None:
    assert tenant.run("load").code == 0
    with open_pipelines() as pipelines:
        assert not upkeep.keep_tables_short(pipelines, datetime.now(timezone.utc))
        assert upkeep.keep_tables_short(pipelines, datetime.now(timezone.utc) + timedelta(days=1))


@pytest.mark.long
@pytest.mark.usefixtures("few_models")
def test_loads_of_models_that_were_read_long_ago_stay(
    tenant: Tenant, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A model is read again if no complete load wrote its row in `content_reads`."""
    assert tenant.run("load").code == 0
    long_ago = f"{NOW.timestamp() - 400 * 86_400:.6f}"
    write(
        engine,
        f"update {RAW}._dlt_loads set load_id = '{long_ago}' where load_id in (select _dlt_load_id from {RAW}.content_reads)",
    )
    write(engine, f"update {RAW}.content_reads set _dlt_load_id = '{long_ago}'")
    monkeypatch.setattr(upkeep, "_is_first_of_day", lambda *_: True)
    assert tenant.run("load").code == 0
    known = f"select count(*) from {RAW}._dlt_loads where load_id = '{long_ago}'"
    assert engine.rows(known) == [(1,)]


def test_status_reads_no_more_runs_than_it_shows(
    tenant: Tenant, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert tenant.run("load").code == 0
    fake_year_of_runs = (
        f"insert into {RAW}.runs (run_id, command, started_at) select 'run ' || number, 'run', {MOMENT} {HOURS}"
    )
    write(engine, fake_year_of_runs)
    read: list[int] = []
    rows = Reader.rows

    def counted(reader: Reader, dataset: str, query: str) -> list[dict[str, Any]]:
        found = rows(reader, dataset, query)
        read.extend([len(found)] if query.startswith("select * from runs") else [])
        return found

    monkeypatch.setattr(Reader, "rows", counted)
    status(tenant)
    assert sum(read) <= status_module.LATE_EVENT_DAYS * 24 + 3


def test_tables_without_a_load_are_left_where_the_newest_is_an_empty_text(
    tenant: Tenant, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """ClickHouse answers so for the largest text of no rows."""
    assert tenant.run("load").code == 0
    monkeypatch.setattr(upkeep.DltTables, "rows", lambda *_: [("",)])
    monkeypatch.setattr(upkeep.DltTables, "delete", lambda *_: pytest.fail("rows were deleted"))
    with open_pipelines() as pipelines:
        assert not upkeep._is_first_of_day(pipelines._replace(newest_load=None), NOW)
        upkeep._remove_old_loads(pipelines.raw)
