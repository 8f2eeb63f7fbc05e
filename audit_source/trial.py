"""Ten made-up events, to try a destination with the tables and write dispositions of a tenant. Sends no request."""

from collections.abc import Iterable, Iterator
from datetime import date, datetime, timedelta, timezone
from typing import Any

import dlt
import pyarrow as pa
from dlt.sources import DltResource

from .core_resources import log_and_directory_resources
from .directory.detail_resources import create_missing, detail_resources
from .directory.model_history import history_tables
from .raw_table import Table
from .schema import EVENT_DAYS, EVENT_WINDOWS, EVENTS, MODELS, USER_LOGINS, USERS, WORKSPACES
from .table_resources import Batch, declare_tables

DAYS = (date(2026, 1, 5), date(2026, 1, 6))
EVENTS_A_DAY = 5
USER = "8a80d86a5565443f01557f053e6719ba"
# The names of the user in the first and in the second load.
NAMES = ("Zoë", "Zoë Ł. 東")
_FIRST_ID = 2**62


@dlt.source(name="audit", section="audit_source")
def trial(load: int) -> Iterable[DltResource]:
    """Return the resources of a load.

    Args:
        load (int): 0 brings ten events on two days. 1 brings one more for the second day, and another name of the user.
    """
    declare_tables()

    @dlt.resource(name="event_log", selected=False)
    def event_log() -> Iterator[Batch]:
        yield EVENTS.name, _table(EVENTS, _events(load))
        yield EVENT_WINDOWS.name, _table(EVENT_WINDOWS, _windows(load))
        days = [{"event_day": day, "loaded_at": datetime.now(timezone.utc)} for day in DAYS[load:]]
        yield EVENT_DAYS.name, _table(EVENT_DAYS, days)

    @dlt.resource(name="directory", selected=False)
    def directory() -> Iterator[Batch]:
        user = {"id": USER, "first_name": NAMES[load], "active": True, "row_version": NAMES[load]}
        yield USERS.name, _table(USERS, [user])
        if not load:
            for table in (USER_LOGINS, WORKSPACES, MODELS):
                yield table.name, None

    @dlt.resource(name="details", selected=False)
    def details() -> Iterator[Batch]:
        yield from create_missing()

    return (*log_and_directory_resources(event_log, directory), *detail_resources(details), *history_tables())


def _events(load: int) -> list[dict[str, Any]]:
    return [
        _event(number, day, ordinal)
        for number, day in enumerate(DAYS)
        if number >= load
        for ordinal in range(EVENTS_A_DAY + load)
    ]


def _event(number: int, day: date, ordinal: int) -> dict[str, Any]:
    moment = _start(day) + timedelta(hours=ordinal)
    return {
        "id": _FIRST_ID + number * 100 + ordinal,
        "event_type_id": "USR-8",
        "event_type_code": "USR-8",
        "user_id": USER,
        "message": "User login success; it's a trial: 'ß' \\ \"日本\"",
        "success": True,
        "event_date": moment,
        "created_date": moment,
        "event_day": day,
        "additional_attributes": '{"name": "trial"}',
    }


def _windows(load: int) -> list[dict[str, Any]]:
    return [
        {
            "window_day": day,
            "event_type": "all",
            "window_start": _start(day),
            "window_end": _start(day) + timedelta(days=1),
            "reported_events": EVENTS_A_DAY + load,
            "distinct_events": EVENTS_A_DAY + load,
            "status": "complete",
            "checked_at": datetime.now(timezone.utc),
        }
        for day in DAYS[load:]
    ]


def _start(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=timezone.utc)


def _table(table: Table, rows: list[dict[str, Any]]) -> pa.Table:
    return pa.Table.from_pylist(rows, table.arrow_schema)
