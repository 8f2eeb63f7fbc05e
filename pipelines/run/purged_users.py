"""The users whom a purge removes with their names: they left before its date, and no row that is kept names them."""

from collections.abc import Iterator
from datetime import date
from typing import Any

from dlt.destinations.sql_client import SqlClientBase

from pipelines.warehouse.reader import ENRICHED, RAW, Reader

# Raw tables with a row for each user, and the column with the id of the user.
USER_TABLES = {"users": "id", "user_logins": "id", "scim_users": "id", "user_entitlements": "user_id"}
_IDS_PER_STATEMENT = 500

# Enriched tables with what users did or what was done to them, and which of their rows a purge keeps.
_KEPT = (
    ("fct_events", "user_id", "event_day >= {day}"),
    ("fct_events", "target_user_id", "event_day >= {day}"),
    ("fct_model_history", "user_id", "change_day >= {day}"),
    ("fct_model_history", "target_user_id", "change_day >= {day}"),
    ("fct_integration_runs", "user_id", "started_at >= {midnight}"),
)


def users_who_left(reader: Reader | None, day: date) -> list[str]:
    """Return the ids, in lower case, of the users who left before `day` and whom no row from `day` on names.

    A user whom a kept row names must stay: the row would lose the name. Before the first enrichment nobody is found.
    """
    if reader is None:
        return []
    start = {"day": f"date '{day}'", "midnight": f"cast('{day} 00:00:00+00:00' as timestamptz)"}
    named = " union ".join(
        f"select {column} as user_id from {table} where {column} is not null and {kept.format(**start)}"
        for table, column, kept in _KEPT
    )
    query = (
        "select lower(user_id) as user_id from dim_users"
        f" where is_current and is_removed and valid_to < {start['midnight']} and user_id not in ({named})"
    )
    return sorted(row["user_id"] for row in reader.rows(ENRICHED, query))


def rows_of_users(reader: Reader, user_ids: list[str], midnight: str) -> dict[str, int]:
    """Return the number of rows of these users in each raw table, without those that are before `midnight` anyway."""
    counts = dict.fromkeys(USER_TABLES, 0)
    for table, column in USER_TABLES.items():
        rest = f" and (_dlt_valid_to is null or _dlt_valid_to >= {midnight})" if table == "user_entitlements" else ""
        for some in _batches(user_ids):
            ids = ", ".join("'" + one.replace("'", "''") + "'" for one in some)
            for row in reader.rows(
                RAW, f"select count(*) as number from {table} where lower({column}) in ({ids}){rest}"
            ):
                counts[table] += int(row["number"])
    return {table: count for table, count in counts.items() if count}


def delete_users(client: SqlClientBase[Any], table: str, user_ids: list[str]) -> None:
    """Delete the rows of these users from a table of `USER_TABLES`."""
    name, column = client.make_qualified_table_name(table), client.escape_column_name(USER_TABLES[table])
    for some in _batches(user_ids):
        places = ", ".join(["%s"] * len(some))
        client.execute_sql(f"DELETE FROM {name} WHERE lower({column}) IN ({places})", *some)


def _batches(user_ids: list[str]) -> Iterator[list[str]]:
    for start in range(0, len(user_ids), _IDS_PER_STATEMENT):
        yield user_ids[start : start + _IDS_PER_STATEMENT]
