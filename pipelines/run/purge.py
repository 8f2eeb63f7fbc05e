"""Remove what happened on old days permanently, and users who left before, from the raw and the enriched tables.

1. The source records the days as purged, so that no run loads them again.
2. The raw rows are deleted, in one transaction if the database has transactions.
3. The enrichment rewrites the tables that were built from them.

If it is interrupted, run the same command again. The next run completes it too, except for raw rows not yet deleted.
"""

import uuid
from contextlib import nullcontext, suppress
from datetime import date, datetime, timezone
from typing import Any, NamedTuple

from dlt.destinations.exceptions import DatabaseUndefinedRelation
from dlt.destinations.sql_client import SqlClientBase

from audit_source import purge_before
from audit_source.events.windows import PURGED
from pipelines.common.account import account_name
from pipelines.common.exit_codes import CONFIGURATION, PipelineError
from pipelines.transform.check_scope import RESULTS
from pipelines.transform.parse import MODELS_DIR, Model, read_tables
from pipelines.transform.runner import enrich
from pipelines.warehouse.forward_tables import ForwardTables
from pipelines.warehouse.pipelines import ENRICH_MEMORY_AGAIN, Pipelines
from pipelines.warehouse.reader import ENRICHED, RAW, Reader
from pipelines.warehouse.run_tables import PURGES, OwnTables

from .purged_users import USER_TABLES, delete_users, rows_of_users

# Raw tables whose rows are deleted, and their day column. Windows stay, with the status `purged`.
RAW_DAYS = {"events": "event_day", "event_days": "event_day", "model_history": "change_day"}
# The same for tables with a moment instead of a day: runs of integrations name who started them, and entitlements that
# ended tell who could enter which workspace.
RAW_MOMENTS = {"integration_runs": "started_at", "user_entitlements": "_dlt_valid_to"}


class Purged(NamedTuple):
    """How many rows a purge removed: events, and the rows of all tables that the confirmation showed."""

    events: int
    rows: int


def rows_before(reader: Reader | None, day: date, user_ids: list[str]) -> dict[str, int]:
    """Count the rows of days before `day` in each raw and enriched table, and those of users who are removed.

    Tables without such rows are left out.
    """
    counts: dict[str, int] = {}
    if reader is None:
        return counts
    midnight = f"cast('{day} 00:00:00+00:00' as timestamptz)"
    for owner, columns, end in (
        (RAW, RAW_DAYS, f"date '{day}'"),
        (RAW, RAW_MOMENTS, midnight),
        (ENRICHED, _enriched_days(), f"date '{day}'"),
    ):
        for table, column in columns.items():
            rows = reader.rows(owner, f"select count(*) as number from {table} where {column} < {end}")
            if rows and rows[0]["number"]:
                counts[table] = int(rows[0]["number"])
    for table, number in rows_of_users(reader, user_ids, midnight).items():
        counts[table] = counts.get(table, 0) + number
    return counts


def check_day(day: date) -> None:
    """Refuse a day in the future.

    Raises:
        PipelineError: The day has not begun yet (UTC).
    """
    if day > datetime.now(timezone.utc).date():
        raise PipelineError(CONFIGURATION, f"--before {day}: this day is in the future (UTC). Give an earlier day.")


def purge(pipelines: Pipelines, day: date, counts: dict[str, int], user_ids: list[str]) -> Purged:
    """Remove every row of days before `day` and the users who left before, and record it in `purges`.

    Args:
        counts (Dict[str, int]): The rows to remove, by table.
        user_ids (List[str]): The users to remove, as `users_who_left` found them.
    """
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
    pipelines.raw.run(purge_before(int(midnight.timestamp() * 1000)))
    _delete_raw(pipelines, day, midnight, user_ids)
    ForwardTables(pipelines.raw.destination, pipelines.raw.dataset_name).forget_before(day)
    enrich(pipelines.enriched, pipelines.raw, recount=True)
    _delete_check_results(pipelines, midnight)
    pipelines.engine.compact(pipelines.database, pipelines.raw)
    tables.update(PURGES, "purge_id", {"purge_id": record["purge_id"], "ended_at": datetime.now(timezone.utc)})
    return removed


def _delete_raw(pipelines: Pipelines, day: date, midnight: datetime, user_ids: list[str]) -> None:
    # A database of an earlier version may lack one: a failed statement would end the transaction on a server.
    existing = set(pipelines.raw.default_schema.data_table_names())
    removed = [(table, column, day) for table, column in RAW_DAYS.items() if table in existing]
    removed += [(table, column, midnight) for table, column in RAW_MOMENTS.items() if table in existing]
    of_users = [table for table in USER_TABLES if table in existing]
    with pipelines.raw.sql_client() as client:
        transaction = client.begin_transaction() if client.capabilities.supports_transactions else nullcontext()
        with transaction:
            windows = client.make_qualified_table_name("event_windows")
            update = pipelines.engine.update_statement(windows, "status = %s", "window_day < %s")
            client.execute_sql(update, PURGED, day)
            for table, column, before in removed:
                _delete(client, table, column, before)
            for table in of_users:
                delete_users(client, table, user_ids)
        # dlt's staging dataset still holds the rows of the last load.
        with client.with_staging_dataset():
            for table, column, before in removed:
                with suppress(DatabaseUndefinedRelation):
                    _delete(client, table, column, before)
            for table in of_users:
                with suppress(DatabaseUndefinedRelation):
                    delete_users(client, table, user_ids)


def _delete_check_results(pipelines: Pipelines, moment: datetime) -> None:
    """Delete old check results: they quote the first failing rows, which may be of purged events."""
    with pipelines.enriched.sql_client() as client, suppress(DatabaseUndefinedRelation):
        _delete(client, RESULTS, "checked_at", moment)


def _delete(client: SqlClientBase[Any], table: str, column: str, before: date | datetime) -> None:
    client.execute_sql(f"DELETE FROM {client.make_qualified_table_name(table)} WHERE {column} < %s", before)


def _enriched_days() -> dict[str, str]:
    tables = (table for table in read_tables(MODELS_DIR) if isinstance(table, Model))
    return {table.name: table.docs.day for table in tables if table.docs.day}
