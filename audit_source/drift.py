"""Fields, types and codes that Anaplan sends but the schema does not have. They are loaded anyway, and reported once.

dlt's state keeps what was reported. It is committed with the data, so after a failed load it is reported again.
"""

from collections.abc import Iterable
from typing import Any

import pyarrow as pa

from .catalogue import known_codes
from .records import NewColumns

NEW_FIELD, NEW_CODE, OTHER_TYPE, MISSING = "new field", "unknown code", "field of another type", "field that is gone"
# Every record seen so far has these fields.
ALWAYS = {
    "event_type_id": "eventTypeId",
    "user_id": "userId",
    "tenant_id": "tenantId",
    "message": "message",
    "event_date": "eventDate",
    "created_date": "createdDate",
    "checksum": "checksum",
}

# Kind and name.
Found = set[tuple[str, str]]


class EventDrift:
    """Collects the drift of one load's events."""

    def __init__(self) -> None:
        self._codes: set[str] = set()
        self._empty: set[str] | None = None

    def watch(self, table: pa.Table) -> None:
        """Look at a table of events."""
        self._codes.update(code for code in table["event_type_code"].unique().to_pylist() if code)
        empty = {name for name in ALWAYS if table[name].null_count == len(table)}
        self._empty = empty if self._empty is None else self._empty & empty

    def found(self, new_columns: NewColumns) -> Found:
        """Return everything that the schema does not have."""
        codes = {(NEW_CODE, code) for code in self._codes - known_codes()}
        return codes | found_in(new_columns) | {(MISSING, ALWAYS[name]) for name in self._empty or ()}


def found_in(new_columns: NewColumns, prefix: str = "") -> Found:
    """Return the new fields and those of another type, each with a prefix."""
    fields = {(NEW_FIELD, prefix + field) for field in new_columns.fields.values()}
    return fields | {(OTHER_TYPE, prefix + field) for field in new_columns.misfits}


def new_drift(found: Found, state: dict[str, Any]) -> Found:
    """Return what was not reported before, and record it in the state of a resource."""
    reported = {(kind, name) for kind, name in state.get("told", [])}
    new = found - reported
    if new:
        state["told"] = sorted([kind, name] for kind, name in reported | new)
    return new


def drift_line(found: Iterable[tuple[str, str]], most: int = 10) -> str:
    """Return `new field: a, b; unknown code: X-1`. Names are cut short and lose their control characters."""
    parts = []
    for kind in (NEW_FIELD, NEW_CODE, OTHER_TYPE, MISSING):
        names = sorted(name for of, name in found if of == kind)
        if names:
            shown = ", ".join("".join(filter(str.isprintable, name))[:60] for name in names[:most])
            more = f" and {len(names) - most} more" if len(names) > most else ""
            parts.append(f"{kind}: {shown}{more}")
    return "; ".join(parts)
