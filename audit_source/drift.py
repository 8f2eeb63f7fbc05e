"""What Anaplan sends that the schema does not foresee: loaded all the same, and told once.

What was told lies in dlt's state, which commits with the data: a load that fails tells it again.
"""

import csv
from collections.abc import Iterable
from functools import lru_cache
from importlib import resources
from typing import Any

import pyarrow as pa

from .events.decode import normalise_code
from .records import NewColumns

NEW_FIELD, NEW_CODE, OTHER_TYPE, MISSING = "new field", "unknown code", "field of another type", "field that is gone"
# On every record that was ever seen.
ALWAYS = {
    "event_type_id": "eventTypeId",
    "user_id": "userId",
    "tenant_id": "tenantId",
    "message": "message",
    "event_date": "eventDate",
    "created_date": "createdDate",
    "checksum": "checksum",
}

Found = set[tuple[str, str]]


class EventDrift:
    """Watches the events of one load."""

    def __init__(self) -> None:
        self._codes: set[str] = set()
        self._empty: set[str] | None = None

    def watch(self, table: pa.Table) -> None:
        self._codes.update(code for code in table["event_type_code"].unique().to_pylist() if code)
        empty = {name for name in ALWAYS if table[name].null_count == len(table)}
        self._empty = empty if self._empty is None else self._empty & empty

    def found(self, new_columns: NewColumns) -> Found:
        """Returns kind and name of everything that was not foreseen."""
        codes = {(NEW_CODE, code) for code in self._codes - known_codes()}
        return codes | found_in(new_columns) | {(MISSING, ALWAYS[name]) for name in self._empty or ()}


def found_in(new_columns: NewColumns, prefix: str = "") -> Found:
    fields = {(NEW_FIELD, prefix + field) for field in new_columns.fields.values()}
    return fields | {(OTHER_TYPE, prefix + field) for field in new_columns.misfits}


def untold(found: Found, state: dict[str, Any]) -> Found:
    """Returns what was not told before, and notes in a resource's state that it is now."""
    told = {(kind, name) for kind, name in state.get("told", [])}
    new = found - told
    if new:
        state["told"] = sorted([kind, name] for kind, name in told | new)
    return new


def told_in_one_line(found: Iterable[tuple[str, str]], most: int = 10) -> str:
    """Returns `2 new fields (a, b); 1 unknown code (X-1)`; texts of Anaplan's are cut and hold no control character."""
    parts = []
    for kind in (NEW_FIELD, NEW_CODE, OTHER_TYPE, MISSING):
        names = sorted(name for of, name in found if of == kind)
        if names:
            shown = ", ".join("".join(filter(str.isprintable, name))[:60] for name in names[:most])
            more = f" and {len(names) - most} more" if len(names) > most else ""
            parts.append(f"{kind}: {shown}{more}")
    return "; ".join(parts)


@lru_cache(maxsize=1)
def known_codes() -> frozenset[str]:
    text = (resources.files(__package__) / "event_types.csv").read_text(encoding="utf-8")
    codes = (normalise_code(row["event_type_id"]) for row in csv.DictReader(text.splitlines()))
    return frozenset(code for code in codes if code)
