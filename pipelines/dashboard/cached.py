"""Caches query results until the next load, so that a changed filter is fast and the file stays free.

The cache key contains the tenant, and the moment at which the tables were last written. While a load locks the file,
that moment stays the same: the page shows the earlier results, with their time.
"""

import threading
import time
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import Any

import pandas as pd
import streamlit as st

from pipelines.common.exit_codes import PipelineError
from pipelines.common.names import DIALECT
from pipelines.dashboard import data_access

from .queries import log
from .queries.shapes import Query

LOOK_SECONDS = 10.0
SHORT_WAIT = 0.5
KEPT_HOURS, KEPT_ANSWERS = 12, 1000


@dataclass
class Watch:
    """The last known state of a copy or database, shared by all sessions."""

    tenant: str | None
    place: str
    is_copy: bool
    version: str = ""
    loaded_at: datetime | None = None
    looked: float = float("-inf")
    written: float | None = None
    is_busy: bool = False
    lock: Any = field(default_factory=threading.Lock)

    def line(self) -> str:
        """Return which data is shown, and its time."""
        done = "published" if self.is_copy else "enriched"
        moment = f", {done} {self.loaded_at:%-d %b %Y %H:%M} UTC" if self.loaded_at else ""
        return f"{'copy ' if self.is_copy else ''}{self.place}{moment}"


@st.cache_resource(show_spinner=False)
def _watch_of(tenant: str | None, place: str, is_copy: bool) -> Watch:
    return Watch(tenant, place, is_copy)


def watch() -> Watch:
    """Return the state of what the pages read: the copy, else the database. It is checked every `LOOK_SECONDS`.

    Raises:
        NothingLoaded: There is no database, or it was never enriched.
        Busy: A load writes, and nothing was read before.
    """
    with data_access.opened() as places:
        # Once per page, so that a page shows one moment and waits for a load only once.
        seen: Watch = places.watched or _seen(places)
        places.watched = seen
        return seen


def _seen(places: data_access.Places) -> Watch:
    if places.copy:
        # If the copy cannot be read, use the database.
        with suppress(data_access.NothingLoaded, PipelineError):
            return _looked_at(_watch_of(places.tenant, places.copy, True))
    return _looked_at(_watch_of(places.tenant, places.database, False))


def _looked_at(seen: Watch) -> Watch:
    with seen.lock:
        if seen.is_busy or time.monotonic() - seen.looked >= LOOK_SECONDS:
            _look(seen)
    return seen


def _look(seen: Watch) -> None:
    written = None if seen.is_copy else data_access.written_at()
    if seen.version and written is not None and written == seen.written:
        seen.is_busy, seen.looked = False, time.monotonic()
        return
    query = log.last_publication() if seen.is_copy else log.last_load()
    try:
        answer = data_access.read(query.sql(DIALECT), place=seen.place, wait=SHORT_WAIT if seen.version else None)
    except data_access.Busy:
        if not seen.version:
            raise
        seen.is_busy = True
        return
    loaded_at = answer["loaded_at"].iloc[0]
    if pd.isna(loaded_at):
        raise data_access.NothingLoaded("no load")
    seen.loaded_at = loaded_at.to_pydatetime().astimezone(timezone.utc)
    seen.version = str(loaded_at)
    seen.written, seen.is_busy, seen.looked = written, False, time.monotonic()


def ask(query: Query, owner: str = data_access.ENRICHED) -> pd.DataFrame:
    """Return the rows of the query as of the last load."""
    seen = watch()
    return _answer(seen.tenant, query.sql(DIALECT), owner, seen.version, seen.place)


def ask_database(query: Query, owner: str = data_access.ENRICHED) -> pd.DataFrame:
    """Return the rows from the database itself, even if there is a copy: no copy is written when a check fails.

    While a load locks the database, read the copy.
    """
    with data_access.opened() as places:
        if not places.copy:
            return ask(query, owner)
        try:
            written = str(data_access.written_at())
            return _answer(places.tenant, query.sql(DIALECT), owner, written, places.database, SHORT_WAIT)
        except (data_access.Busy, data_access.NothingLoaded):
            return ask(query, owner)


def ask_if_any(query: Query, owner: str = data_access.ENRICHED) -> pd.DataFrame | None:
    """Return the same as `ask_database`, or None without the table. That it is missing is kept too.

    While a load locks the database, return the last answer; None if there was none.
    """
    with data_access.opened() as places:
        asked = (places.tenant, query.sql(DIALECT), owner, places.database)
        try:
            written = str(data_access.written_at())
            if not places.copy:
                written = f"{written} {watch().version}"
            answer = _answer_if_any(places.tenant, asked[1], owner, written, places.database, SHORT_WAIT)
        except data_access.Busy:
            return _last_answers().get(asked)
        _last_answers()[asked] = answer
        return answer


@st.cache_resource(show_spinner=False)
def _last_answers() -> dict[tuple[str | None, str, str, str], pd.DataFrame | None]:
    return {}


@st.cache_data(ttl=KEPT_HOURS * 3600, max_entries=KEPT_ANSWERS, show_spinner=False)
def _answer_if_any(
    tenant: str | None, sql: str, owner: str, version: str, place: str, _wait: float | None = None
) -> pd.DataFrame | None:
    try:
        return data_access.read(sql, owner, place, _wait)
    except data_access.NothingLoaded:
        return None


@st.cache_data(ttl=KEPT_HOURS * 3600, max_entries=KEPT_ANSWERS, show_spinner=False)
def _answer(
    tenant: str | None, sql: str, owner: str, version: str, place: str, _wait: float | None = None
) -> pd.DataFrame:
    return data_access.read(sql, owner, place, _wait)
