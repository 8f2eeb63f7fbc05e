"""Anaplan's catalogue of event codes: what a code means, and the kind of object it concerns."""

import csv
import hashlib
from collections.abc import Iterator, Sequence
from functools import lru_cache
from importlib import resources
from typing import Any

import dlt
import pyarrow as pa
from dlt.sources import DltResource

from .events.decode import normalise_code
from .records import Rows, table_of
from .schema import EVENT_TYPES
from .table_resources import Batch


def catalogue_text() -> str:
    """Return `event_types.csv`."""
    return (resources.files(__package__) / "event_types.csv").read_text(encoding="utf-8")


def catalogue_rows() -> list[dict[str, str]]:
    """Return a row for each published code, with the columns of `event_types.csv`."""
    return list(csv.DictReader(catalogue_text().splitlines()))


@lru_cache(maxsize=1)
def known_codes() -> frozenset[str]:
    """Return every published code, without leading zeros."""
    codes = (normalise_code(row["event_type_id"]) for row in catalogue_rows())
    return frozenset(code for code in codes if code)


def event_types() -> DltResource:
    """Return the resource of the catalogue, which yields its rows only if they changed since the last load."""

    @dlt.resource(name="event_type_catalogue", selected=False)
    def catalogue() -> Iterator[Batch]:
        state = dlt.current.resource_state(EVENT_TYPES.name)
        digest = hashlib.sha256(catalogue_text().encode()).hexdigest()
        if state.get("digest") != digest:
            yield EVENT_TYPES.name, _catalogue_table()
            state["digest"] = digest

    return catalogue


def _catalogue_table() -> pa.Table:
    rows = catalogue_rows()
    columns: dict[str, Sequence[Any]] = {
        column.name: [row.get(column.name) for row in rows] for column in EVENT_TYPES.columns
    }
    columns["event_type_code"] = [normalise_code(code) for code in columns["event_type_id"]]
    return table_of(EVENT_TYPES, Rows(columns, {}))
