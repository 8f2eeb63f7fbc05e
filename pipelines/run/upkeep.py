"""Remove old records of dlt and of the checks once a day, so that nothing gets slower with the number of runs.

dlt restores the newest state whose load is complete, and the newest schema. Each statement leaves these in place, so a
run that is killed between two of them leaves more than it should, and never less.
"""

from contextlib import suppress
from datetime import datetime, timedelta, timezone
from typing import Any

import dlt
from dlt.destinations.exceptions import DatabaseUndefinedRelation

from audit_source.directory.tables import CONTENT_READS
from pipelines.transform.check_scope import RESULTS
from pipelines.warehouse.dlt_tables import DltTables, forget_old_schemas
from pipelines.warehouse.pipelines import Pipelines

# Rows that dlt writes with each load. The state is a long text, and only the newest one is ever read.
LOADS_DAYS, STATES_DAYS = 30, 2
# A failed check is kept permanently.
PASSED_CHECKS_DAYS = 90
COMPLETE = 0


def keep_tables_short(pipelines: Pipelines, began: datetime) -> bool:
    """Remove old records if this is the first run of its day (UTC) with a load; return whether it is."""
    if not _is_first_of_day(pipelines, began):
        return False
    for pipeline in (pipelines.raw, pipelines.enriched):
        _remove_old_loads(pipeline)
    with suppress(DatabaseUndefinedRelation):
        _remove_passed_checks(pipelines.enriched)
    return True


def _is_first_of_day(pipelines: Pipelines, began: datetime) -> bool:
    if not pipelines.raw.default_schema_name:
        return False
    newest: Any = pipelines.newest_load
    if newest is None or newest >= began.timestamp():
        # The clock of this machine was set back.
        newest = _newest_before(pipelines.raw, began)
    # ClickHouse has an empty text where no row is, and others have NULL.
    return bool(newest) and _moment(newest).date() < began.astimezone(timezone.utc).date()


def _newest_before(raw: dlt.Pipeline, began: datetime) -> Any:
    with raw.sql_client() as client:
        tables = DltTables(raw, client)
        load = tables.column("load_id")
        sql = f"SELECT MAX({load}) FROM {tables.loads} WHERE {load} < %s"
        [(newest,)] = tables.rows(sql, f"{began.timestamp():.6f}")
    return newest


def _remove_old_loads(pipeline: dlt.Pipeline) -> None:
    """Remove old loads, states and schemas, counted back from the newest load: this machine's clock may be wrong."""
    if not pipeline.default_schema_name:
        return
    with pipeline.sql_client() as client:
        tables = DltTables(pipeline, client)
        load = tables.column("load_id")
        [(newest,)] = tables.rows(f"SELECT MAX({load}) FROM {tables.loads}")
        if not newest:
            return
        restored = _restored_loads(tables)
        tables.delete(tables.states, "_dlt_load_id", _before(newest, STATES_DAYS), restored)
        kept = restored | _named_loads(pipeline, tables)
        tables.delete(tables.loads, "load_id", _before(newest, LOADS_DAYS), kept)
    forget_old_schemas(pipeline)


def _restored_loads(tables: DltTables) -> set[str]:
    """Return, for each pipeline, the load with the state that dlt would restore."""
    load, stated, name = tables.column("load_id"), tables.column("_dlt_load_id"), tables.column("pipeline_name")
    rows = tables.rows(
        f"SELECT s.{name}, MAX(s.{stated}) FROM {tables.states} AS s JOIN {tables.loads} AS l"
        f" ON l.{load} = s.{stated} WHERE l.{tables.column('status')} = {COMPLETE} GROUP BY s.{name}"
    )
    return {str(newest) for _, newest in rows}


def _named_loads(pipeline: dlt.Pipeline, tables: DltTables) -> set[str]:
    """Return the loads of the rows that count only while their load is known to be complete."""
    if CONTENT_READS.name not in pipeline.default_schema.tables:
        return set()
    with pipeline.sql_client() as client:
        reads = client.make_qualified_table_name(CONTENT_READS.name)
    return {str(row[0]) for row in tables.rows(f"SELECT DISTINCT {tables.column('_dlt_load_id')} FROM {reads}")}


def _remove_passed_checks(enriched: dlt.Pipeline) -> None:
    oldest = datetime.now(timezone.utc) - timedelta(days=PASSED_CHECKS_DAYS)
    with enriched.sql_client() as client:
        table = client.make_qualified_table_name(RESULTS)
        client.execute_sql(f"DELETE FROM {table} WHERE status = %s AND checked_at < %s", "passed", oldest)


def _before(load_id: Any, days: int) -> float:
    return (_moment(load_id) - timedelta(days=days)).timestamp()


def _moment(load_id: Any) -> datetime:
    return datetime.fromtimestamp(float(load_id), timezone.utc)
