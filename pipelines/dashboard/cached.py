"""Answers are kept until the next load, so that a changed filter is answered at once and the file stays free.

The key of every answer is when the enriched tables were last written. While a load keeps the file to itself that
moment stays what it was: what was seen before is still shown, with the time it is of.
"""

import threading
import time
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import Any

import pandas as pd
import streamlit as st

from ..model_files import DIALECT
from . import queries, reading

LOOK_SECONDS = 10.0
SHORT_WAIT = 0.5
KEPT_HOURS, KEPT_ANSWERS = 12, 1000


@dataclass
class Watch:
    """What was last seen of the destination, by all sessions."""

    version: str = ""
    loaded_at: datetime | None = None
    looked: float = 0.0
    written: float | None = None
    is_busy: bool = False
    lock: Any = field(default_factory=threading.Lock)


@st.cache_resource(show_spinner=False)
def _watch_of(place: str) -> Watch:
    return Watch()


def watch() -> Watch:
    """Returns the state of the destination, looked at anew every `LOOK_SECONDS`.

    Raises:
        NothingLoaded: There is no database, or it was never enriched.
        Busy: A load writes, and nothing was seen before.
    """
    seen = _watch_of(reading.place())
    with seen.lock:
        if seen.is_busy or time.monotonic() - seen.looked >= LOOK_SECONDS:
            _look(seen)
    return seen


def _look(seen: Watch) -> None:
    written = reading.written_at()
    if seen.version and written is not None and written == seen.written:
        seen.looked = time.monotonic()
        return
    try:
        answer = reading.read(queries.last_load().sql(DIALECT), wait=SHORT_WAIT if seen.version else None)
    except reading.Busy:
        if not seen.version:
            raise
        seen.is_busy = True
        return
    loaded_at = answer["loaded_at"].iloc[0]
    if pd.isna(loaded_at):
        raise reading.NothingLoaded("no load")
    seen.loaded_at = loaded_at.to_pydatetime().astimezone(timezone.utc)
    seen.version = str(loaded_at)
    seen.written, seen.is_busy, seen.looked = written, False, time.monotonic()


def ask(query: queries.Query, owner: str = reading.ENRICHED) -> pd.DataFrame:
    """Returns the rows of the query, as they were after the last load."""
    return _answer(query.sql(DIALECT), owner, watch().version, reading.place())


@st.cache_data(ttl=KEPT_HOURS * 3600, max_entries=KEPT_ANSWERS, show_spinner=False)
def _answer(sql: str, owner: str, version: str, place: str) -> pd.DataFrame:
    return reading.read(sql, owner)
