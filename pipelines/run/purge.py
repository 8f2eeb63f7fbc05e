"""Removes the events of old days for ever, from the raw and the enriched tables.

First the source is told to forget the days, so that no run brings them back; then the raw rows go, in one transaction
where the database has such; then the enrichment rewrites what was built from them. Killed anywhere, the same command
completes it, and so does the next run, but for raw rows not yet deleted.
"""

import uuid
from contextlib import nullcontext, suppress
from datetime import date, datetime, timezone
from typing import Any, NamedTuple

from dlt.destinations.exceptions import DatabaseUndefinedRelation
from dlt.destinations.sql_client import SqlClientBase

from audit_source import forget_before
from audit_source.events.windows import PURGED
from pipelines.common.account import account_name
from pipelines.common.exit_codes import CONFIGURATION, PipelineError
from pipelines.transform.checks import RESULTS
from pipelines.transform.parse import MODELS_DIR, Model, read_tables
from pipelines.transform.runner import enrich
from pipelines.warehouse.pipelines import ENRICH_MEMORY_AGAIN, Pipelines
from pipelines.warehouse.reader import ENRICHED, RAW, Reader
from pipelines.warehouse.run_tables import PURGES, OwnTables

# The raw tables whose rows go, and the column that tells their day. Windows stay, as `purged`.
RAW_DAYS = {"events": "event_day", "event_days": "event_day"}


class Purged(NamedTuple):
    """What a purge removed."""

    events: int
    rows: int


def rows_before(reader: Reader | None, day: date) -> dict[str, int]:
    """Returns how many rows of days before `day` each raw and enriched table holds; tables without any are left out."""
    counts: dict[str, int] = {}
    if reader is None:
        return counts
    for owner, columns in ((RAW, RAW_DAYS), (ENRICHED, _enriched_days())):
        for table, column in columns.items():
            rows = reader.rows(owner, f"select count(*) as number from {table} where {column} < date '{day}'")
            if rows and rows[0]["number"]:
                counts[table] = int(rows[0]["number"])
    return counts


def check_day(day: date) -> None:
    """Raises unless the day has begun everywhere: days to come cannot be purged.

    Raises:
        PipelineError: The day lies in the future (UTC).
    """
    if day > datetime.now(timezone.utc).date():
        raise PipelineError(CONFIGURATION, f"--before {day}: that day has not come yet (UTC). Name an earlier one.")


def purge(pipelines: Pipelines, day: date, counts: dict[str, int]) -> Purged:
    """Removes every row of days before `day`, and records it in `purges`. `counts` is what there is to remove."""
    midnight = datetime(day.year, day.month, day.day, tzinfo=timezone.utc)
    removed = Purged(counts.get("events", 0), sum(counts.values()))
    record = {
        "purge_id": uuid.uuid4().hex,
        "before_day": day,
        "started_at": datetime.now(timezone.utc),
        "events": removed.events,
        "rows_in_all": removed.rows,
        "account": account_name(),
    }
    tables = OwnTables(pipelines.raw)
    tables.insert(PURGES, [record])
    pipelines.limit_memory(ENRICH_MEMORY_AGAIN)
    pipelines.raw.run(forget_before(int(midnight.timestamp() * 1000)))
    _delete_raw(pipelines, day)
    enrich(pipelines.enriched, pipelines.raw)
    _delete_check_results(pipelines, midnight)
    if pipelines.database is not None:
        # Rows that were deleted leave the file only with this.
        pipelines.database.execute("reset max_vacuum_tasks")
        pipelines.database.execute("checkpoint")
    tables.update(PURGES, "purge_id", {"purge_id": record["purge_id"], "ended_at": datetime.now(timezone.utc)})
    return removed


def _delete_raw(pipelines: Pipelines, day: date) -> None:
    with pipelines.raw.sql_client() as client:
        one_step = client.begin_transaction() if client.capabilities.supports_transactions else nullcontext()
        with one_step:
            windows = client.make_qualified_table_name("event_windows")
            client.execute_sql(f"UPDATE {windows} SET status = %s WHERE window_day < %s", PURGED, day)
            for table, column in RAW_DAYS.items():
                _delete(client, table, column, day)
        # What the last load brought lies in the staging dataset too.
        with client.with_staging_dataset():
            for table, column in RAW_DAYS.items():
                with suppress(DatabaseUndefinedRelation):
                    _delete(client, table, column, day)


def _delete_check_results(pipelines: Pipelines, moment: datetime) -> None:
    """Results of checks show the first wrong rows, which may be of events that are gone."""
    with pipelines.enriched.sql_client() as client, suppress(DatabaseUndefinedRelation):
        _delete(client, RESULTS, "checked_at", moment)


def _delete(client: SqlClientBase[Any], table: str, column: str, before: date | datetime) -> None:
    client.execute_sql(f"DELETE FROM {client.make_qualified_table_name(table)} WHERE {column} < %s", before)


def _enriched_days() -> dict[str, str]:
    tables = (table for table in read_tables(MODELS_DIR) if isinstance(table, Model))
    return {table.name: table.docs.day for table in tables if table.docs.day}
