"""dlt's DuckLake destination, whose clients use one DuckDB instance, and the housekeeping of a lake."""

from datetime import datetime, timedelta, timezone
from typing import Any

import dlt

from .session import WithSession

# Snapshots are kept for a day. Once the oldest is twice as old, a run removes them: about once a day.
KEPT = timedelta(days=1)


class OneInstance(WithSession, dlt.destinations.ducklake):
    """The destination of a run. dlt would start DuckDB, load the extension and attach the lake for each statement."""

    @staticmethod
    def is_usable(connection: Any) -> bool:
        """Yes: it is closed by nobody else."""
        return True

    @staticmethod
    def close_one(connection: Any) -> None:
        """Detach the lake before its connection is closed: a catalogue in a DuckDB file can be damaged otherwise."""
        (lake,) = connection.execute("select current_database()").fetchone()
        connection.execute(f'use memory; detach "{lake}"')
        connection.close()

    def configuration(self, initial_config: Any, accept_partial: bool = False) -> Any:
        """Return the settings, read again each time: a copy of them cannot open a connection."""
        return dlt.destinations.ducklake.configuration(self, initial_config, accept_partial)

    @property
    def destination_type(self) -> str:
        """The name of dlt's own destination."""
        # The name under which dlt keeps it in the pipeline's state, and under which its settings are found.
        return "dlt.destinations.ducklake"


def remove_old_snapshots(client: Any) -> bool:
    """Expire snapshots that are older than a day, merge small files and delete those that no snapshot needs.

    Do so only if some snapshot is two days old. Return whether it was done.
    """
    lake = _name(client)
    [(oldest,)] = client.execute_sql(f"SELECT MIN(snapshot_time) FROM ducklake_snapshots({lake})") or [(None,)]
    now = datetime.now(timezone.utc)
    if oldest is None or oldest > now - 2 * KEPT:
        return False
    _call(client, *_expire(lake, now - KEPT))
    return True


def remove_all_but_the_present(client: Any) -> None:
    """Remove deleted rows from the files, and every older snapshot, which still shows them."""
    lake = _name(client)
    _call(client, f"ducklake_rewrite_data_files({lake}, delete_threshold => 0)")
    _call(client, *_expire(lake, datetime.now(timezone.utc)))


def _expire(lake: str, before: datetime) -> tuple[str, ...]:
    return (
        f"ducklake_expire_snapshots({lake}, older_than => TIMESTAMPTZ '{before:%Y-%m-%d %H:%M:%S.%f}+00:00')",
        f"ducklake_merge_adjacent_files({lake})",
        f"ducklake_cleanup_old_files({lake}, cleanup_all => true)",
    )


def _name(client: Any) -> str:
    return str(client.capabilities.escape_literal(client.credentials.ducklake_name))


def _call(client: Any, *functions: str) -> None:
    for function in functions:
        client.execute_sql(f"CALL {function}")
