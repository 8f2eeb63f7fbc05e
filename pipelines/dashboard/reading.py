"""Reads for the pages, and never writes.

DuckDB shuts readers out while a load writes, and a reader keeps the load out: the file is opened for each
question, at most `WAIT_SECONDS` are spent waiting for a load, and it is closed with the answer.
"""

import os
from datetime import date, datetime

import pandas as pd
from dlt.common.destination import Destination

from ..destination import database_path, destination_type
from ..exit_codes import LOCKED, PipelineError
from ..model_files import DIALECT
from ..reading import ENRICHED, RAW, open_reader

__all__ = ["ENRICHED", "RAW", "Busy", "NothingLoaded", "dialect", "place", "read", "written_at"]

WAIT_SECONDS = 3.0


class NothingLoaded(Exception):
    """There is no database, or the table that was asked for is not in it."""


class Busy(Exception):
    """A load writes to the DuckDB file."""


def place() -> str:
    """Returns where the data lies, for people: a file or a kind of warehouse."""
    return os.path.relpath(database_path()) if destination_type() == "duckdb" else destination_type()


def dialect() -> str:
    """Returns the dialect of the destination, as sqlglot names it."""
    destination = Destination.from_reference(destination_type())
    return str(destination.capabilities().sqlglot_dialect) if destination else DIALECT


def written_at() -> float | None:
    """Returns when the DuckDB file was last written; None where that cannot be told without asking the database."""
    if destination_type() != "duckdb":
        return None
    path = database_path()
    return max((os.path.getmtime(name) for name in (path, f"{path}.wal") if os.path.exists(name)), default=None)


def read(query: str, owner: str = ENRICHED, wait: float | None = None) -> pd.DataFrame:
    """Returns the rows of a query in DuckDB's SQL; days as `datetime64`, moments in UTC.

    Raises:
        NothingLoaded: No database, or no such table.
        Busy: A load held the DuckDB file for `wait` seconds.
        PipelineError: The DuckDB file cannot be opened.
    """
    try:
        with open_reader(WAIT_SECONDS if wait is None else wait, with_tables=False) as reader:
            frame = reader.frame(owner, query) if reader else None
    except PipelineError as error:
        if error.code == LOCKED:
            raise Busy(str(error)) from None
        raise
    if frame is None:
        raise NothingLoaded(query)
    return _typed(frame)


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
