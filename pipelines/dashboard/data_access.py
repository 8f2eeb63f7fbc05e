"""Reads for the pages. Only `alone` lets a page write; `acknowledgements.py` is the only one that does.

While a load writes to a DuckDB file, no one can read it, and a reader blocks the load. So the pages read the copy of
`publish_to` if there is one. Otherwise a page holds the database only for its own queries: it waits at most
`WAIT_SECONDS` for a load, and closes the file after its last query.
"""

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from contextvars import ContextVar
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa

from pipelines.common.exit_codes import LOCKED, PipelineError
from pipelines.publish.reader import open_copy, published_path
from pipelines.warehouse.engine import engine
from pipelines.warehouse.reader import ENRICHED, RAW, Reader, open_reader

from .gate import Closed, Gate
from .tenants import settings_of_shown, shown_tenant

__all__ = ["ENRICHED", "RAW", "Busy", "NothingLoaded", "Places", "alone", "chunks", "opened", "read", "written_at"]

WAIT_SECONDS = 3.0
CHUNK_ROWS = 20_000
_gate = Gate()


class NothingLoaded(Exception):
    """There is no database, or it does not contain the requested table."""


class Busy(Exception):
    """A load writes to the DuckDB file."""


class Places:
    """The copy and the database that a page reads; each is opened by the first query that needs it.

    `database` and `copy` are names for people, of the data of `tenant`; `copy` is None if no copy is read. `watched` is
    their state.
    """

    watched: Any = None

    def __init__(self) -> None:
        self.tenant = shown_tenant()
        self.is_file = engine().is_file
        self.database = relative(engine().location()) if self.is_file else engine().name
        # A warehouse can be read at any time, so its copy is for other programs.
        self._copy_path = published_path() if self.is_file else None
        self.copy = relative(self._copy_path) if self._copy_path else None
        self._held = ExitStack()
        self._readers: dict[str, Reader | None] = {}

    def reader(self, place: str, wait: float) -> Reader | None:
        """Return the reader of a place, or None if there is no database.

        Raises:
            Busy: A load held the DuckDB file for `wait` seconds.
            PipelineError: The place cannot be opened.
        """
        if place not in self._readers:
            is_copy = place == self.copy and self._copy_path is not None
            opening = open_copy(str(self._copy_path)) if is_copy else open_reader(wait, with_tables=False)
            try:
                if self.is_file and not is_copy:
                    self._held.enter_context(_gate.reading(wait))
                self._readers[place] = self._held.enter_context(opening)
            except Closed:
                raise Busy(place) from None
            except PipelineError as error:
                if error.code == LOCKED:
                    raise Busy(str(error)) from None
                raise
        return self._readers[place]

    def close(self) -> None:
        """Close every database that was opened."""
        self._readers.clear()
        self._held.close()


_opened: ContextVar[Places | None] = ContextVar("opened", default=None)


@contextmanager
def opened() -> Iterator[Places]:
    """Yield the places for all queries of the block; an inner block shares those of the outer one."""
    known = _opened.get()
    if known is not None:
        yield known
        return
    with settings_of_shown():
        places = Places()
        token = _opened.set(places)
        try:
            yield places
        finally:
            _opened.reset(token)
            places.close()


@contextmanager
def alone() -> Iterator[None]:
    """Keep every page of this process from the database file, to write to it. Call it outside `opened`.

    Raises:
        Busy: A page still reads after `WAIT_SECONDS`, or a run holds the database.
    """
    assert _opened.get() is None
    try:
        with _gate.writing(WAIT_SECONDS):
            yield
    except Closed:
        raise Busy("read by other pages") from None
    except PipelineError as error:
        if error.code == LOCKED:
            raise Busy(str(error)) from None
        raise


def relative(path: str | Path) -> str:
    """Return the relative or the absolute path, whichever is shorter."""
    return min(os.path.relpath(path), str(path), key=len)


def written_at() -> float | None:
    """Return when the DuckDB file was last written (seconds since 1970); None for every other destination."""
    return max((os.path.getmtime(name) for name in engine().files() if os.path.exists(name)), default=None)


def read(query: str, owner: str = ENRICHED, place: str = "", wait: float | None = None) -> pd.DataFrame:
    """Return the rows of a query in DuckDB's SQL; days as `datetime64`, times in UTC.

    Args:
        place (str): One of `Places`, the database by default. A table that a copy does not contain is read from the
            database.

    Raises:
        NothingLoaded: No database, or no such table.
        Busy: A load held the DuckDB file for `wait` seconds.
        PipelineError: The place cannot be opened.
    """
    with opened() as places:
        for one in dict.fromkeys((place or places.database, places.database)):
            reader = places.reader(one, WAIT_SECONDS if wait is None else wait)
            frame = reader.frame(owner, query) if reader else None
            if frame is not None:
                return _typed(frame)
    raise NothingLoaded(query)


def chunks(query: str) -> Iterator[pa.Table]:
    """Yield the rows of a query over enriched tables in chunks, at least one; times in UTC. It needs `opened`.

    Raises:
        NothingLoaded: No database, or no row.
        Busy: A load held the DuckDB file for `WAIT_SECONDS`.
    """
    places = _opened.get()
    assert places is not None
    reader = places.reader(places.copy or places.database, WAIT_SECONDS)
    schema: pa.Schema | None = None
    for chunk in reader.chunks(ENRICHED, query, CHUNK_ROWS) if reader else ():
        schema = schema or pa.schema([_column(field) for field in chunk.schema])
        yield pa.Table.from_arrays(
            [column.cast(field.type) for column, field in zip(chunk.columns, schema, strict=True)], schema=schema
        )
    if schema is None:
        raise NothingLoaded(query)


def _column(field: pa.Field) -> pa.Field:
    kind = field.type
    if pa.types.is_timestamp(kind):
        kind = pa.timestamp("us", "UTC")
    elif pa.types.is_null(kind) or pa.types.is_large_string(kind):
        # Of a driver that returns rows: the first chunk has no value.
        kind = pa.string()
    return pa.field(field.name, kind)


def _typed(frame: pd.DataFrame) -> pd.DataFrame:
    """Convert days and times, which are Python objects if the driver returns rows."""
    for name in frame.columns:
        values = frame[name]
        if isinstance(values.dtype, pd.DatetimeTZDtype):
            frame[name] = values.dt.tz_convert("UTC")
        elif values.dtype == object:
            first = next((value for value in values if value is not None), None)
            if isinstance(first, date):
                frame[name] = pd.to_datetime(values, utc=isinstance(first, datetime))
    return frame
