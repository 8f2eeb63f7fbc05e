"""Recognises a list of the directory that the destination already holds: loading it would change no row.

A list takes five to ten statements to load. Its hash is kept in the state that dlt commits with the rows. A list is
loaded all the same once a UTC day, and where the destination does not hold what the state says: after a load that was
killed, or if somebody dropped rows.
"""

import hashlib
from datetime import datetime, timezone

import dlt
import pyarrow as pa

from ..dlt_internals import created_tables
from ..known import Known

# Stored moments are read with an uncertainty of one millisecond.
_ROUNDING_MS = 1


def is_stored(name: str, rows: pa.Table, known: Known, versions_at: int) -> bool:
    """Return whether the destination holds the rows of a list; if not, note in the state that this load brings them.

    Args:
        name (str): The table.
        rows (pyarrow.Table): All of its rows.
        known (Known): What the destination holds. If that is unknown, every list is loaded.
        versions_at (int): Epoch ms from which the versions of this load are valid.
    """
    state = dlt.current.resource_state(name)
    digest = _digest(rows, versions_at)
    loaded, loaded_at = state.get("loaded") or (None, 0)
    if (
        loaded == digest
        and name in created_tables()
        # A load that was killed has written versions, and no state.
        and known.stamps.get(name, versions_at) <= loaded_at + _ROUNDING_MS
        # Sign-ins of users who left stay, so there may be more.
        and known.records.get(name, -1) >= _records(rows)
    ):
        return True
    state["loaded"] = [digest, versions_at]
    return False


def _digest(rows: pa.Table, moment: int) -> str:
    """Return a hash of the UTC day, of the columns, and of what a load compares: the versions, or all values."""
    day = datetime.fromtimestamp(moment / 1000, timezone.utc).date()
    compared = ["row_version"] if "row_version" in rows.column_names else rows.column_names
    values = sorted(zip(*(map(str, rows[column].to_pylist()) for column in compared), strict=True))
    return hashlib.sha256(repr((day, rows.column_names, values)).encode()).hexdigest()


def _records(rows: pa.Table) -> int:
    """Return the number of records that `Known.records` counts."""
    return len(rows) if "last_login_date" not in rows.column_names else len(rows) - rows["last_login_date"].null_count
