"""Reads for the pages, and never writes.

DuckDB shuts readers out while a load writes, and a reader keeps the load out. So the copy that `publish_to` keeps is
read where there is one, and the database itself briefly: a page opens it with its first question, waits at most
`WAIT_SECONDS` for a load, and closes it with its last.
"""

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from contextvars import ContextVar
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pandas as pd

from pipelines.common.exit_codes import LOCKED, PipelineError
from pipelines.publish.reader import open_copy, published_path
from pipelines.warehouse.engine import engine
from pipelines.warehouse.reader import ENRICHED, RAW, Reader, open_reader

__all__ = ["ENRICHED", "RAW", "Busy", "NothingLoaded", "Places", "opened", "read", "written_at"]

WAIT_SECONDS = 3.0


class NothingLoaded(Exception):
    """There is no database, or the table that was asked for is not in it."""


class Busy(Exception):
    """A load writes to the DuckDB file."""


class Places:
    """Where a page finds its answers, each place opened when the first question comes.

    `database` and `copy` name them for people; `copy` is None where none is read. `watched` is what was seen of them.
    """

    watched: Any = None

    def __init__(self) -> None:
        self.is_file = engine().is_file
        self.database = relative(engine().location()) if self.is_file else engine().name
        # A warehouse lets everybody read at any time: there a copy is for others.
        self._copy_path = published_path() if self.is_file else None
        self.copy = relative(self._copy_path) if self._copy_path else None
        self._held = ExitStack()
        self._readers: dict[str, Reader | None] = {}

    def reader(self, place: str, wait: float) -> Reader | None:
        """Returns the reader of a place, None where there is no database.

        Raises:
            Busy: A load held the DuckDB file for `wait` seconds.
            PipelineError: The place cannot be opened.
        """
        if place not in self._readers:
            is_copy = place == self.copy and self._copy_path is not None
            opening = open_copy(str(self._copy_path)) if is_copy else open_reader(wait, with_tables=False)
            try:
                self._readers[place] = self._held.enter_context(opening)
            except PipelineError as error:
                if error.code == LOCKED:
                    raise Busy(str(error)) from None
                raise
        return self._readers[place]

    def close(self) -> None:
        self._readers.clear()
        self._held.close()


_opened: ContextVar[Places | None] = ContextVar("opened", default=None)


@contextmanager
def opened() -> Iterator[Places]:
    """Gives the places, for all questions that are asked inside."""
    known = _opened.get()
    if known is not None:
        yield known
        return
    places = Places()
    token = _opened.set(places)
    try:
        yield places
    finally:
        _opened.reset(token)
        places.close()


def relative(path: str | Path) -> str:
    """Returns a path as it is written from here, where that is shorter."""
    return min(os.path.relpath(path), str(path), key=len)


def written_at() -> float | None:
    """Returns when the DuckDB file was last written; None where that cannot be told without asking the database."""
    return max((os.path.getmtime(name) for name in engine().files() if os.path.exists(name)), default=None)


def read(query: str, owner: str = ENRICHED, place: str = "", wait: float | None = None) -> pd.DataFrame:
    """Returns the rows of a query in DuckDB's SQL; days as `datetime64`, moments in UTC.

    Args:
        place (str): One of `Places`, the database by default. What a copy lacks is looked for in the database.

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


def _typed(frame: pd.DataFrame) -> pd.DataFrame:
    """Days and moments are Python objects where the driver gives rows."""
    for name in frame.columns:
        values = frame[name]
        if isinstance(values.dtype, pd.DatetimeTZDtype):
            frame[name] = values.dt.tz_convert("UTC")
        elif values.dtype == object:
            first = next((value for value in values if value is not None), None)
            if isinstance(first, date):
                frame[name] = pd.to_datetime(values, utc=isinstance(first, datetime))
    return frame
