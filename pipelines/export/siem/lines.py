"""Rows of `fct_events` as lines of a SIEM format: JSON of OCSF or ECS, or CEF."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import dlt
import msgspec
from sqlglot import exp

from pipelines.common.exit_codes import CONFIGURATION, PipelineError
from pipelines.common.names import command_line
from pipelines.warehouse.streaming import columns_of, stream

from .cef import CUSTOM, cef_line
from .classes import EventClass, EventClasses
from .ecs import OWN, ecs_event
from .ocsf import UNMAPPED, ocsf_event

TABLE, CLASSES = "fct_events", "ocsf_classes"
_USER = ("id", "label", "name", "email", "kind")
# The columns that a line is made of. A database of an earlier version may have fewer.
COLUMNS = tuple(
    dict.fromkeys(
        [
            *("event_id", "event_day", "occurred_at", "recorded_at", "event_type_id", "event_category"),
            *("event_message", "message", "success", "error_number"),
            *(f"user_{part}" for part in _USER),
            *(f"target_user_{part}" for part in _USER),
            *("tenant_id", "ip_address", "user_agent", "session_id", "host_name", "service_version", "sent_name"),
            *OWN,
            *UNMAPPED,
            *(name for _, names in CUSTOM for name in names),
        ]
    )
)
EMPTY = dict.fromkeys(COLUMNS)
_json = msgspec.json.Encoder()


def _ocsf(event: Mapping[str, Any], kind: EventClass) -> bytes:
    return _json.encode(ocsf_event(event, kind))


def _ecs(event: Mapping[str, Any], kind: EventClass) -> bytes:
    return _json.encode(ecs_event(event, kind))


def _cef(event: Mapping[str, Any], kind: EventClass) -> bytes:
    return cef_line(event, kind).encode()


_LINES: dict[str, Callable[[Mapping[str, Any], EventClass], bytes]] = {"ocsf": _ocsf, "ecs": _ecs, "cef": _cef}
FORMATS = tuple(_LINES)


class EventLines:
    """Writes events in one format. The class of an event comes from the seed `ocsf_classes` in the destination."""

    def __init__(self, file_format: str, classes: EventClasses) -> None:
        self._line, self._classes = _LINES[file_format], classes

    def of(self, rows: Iterable[Mapping[str, Any]]) -> Iterator[bytes]:
        """Yield the line of each row, without a line end."""
        yield from (line for line, _ in self.with_class(rows))

    def with_class(self, rows: Iterable[Mapping[str, Any]]) -> Iterator[tuple[bytes, EventClass]]:
        """Yield the line and the class of each row."""
        for row in rows:
            event = {**EMPTY, **row}
            kind = self._classes.of(event)
            yield self._line(event, kind), kind


def read_classes(enriched: dlt.Dataset) -> EventClasses:
    """Return the classes of events, from the enriched dataset.

    Raises:
        PipelineError: The enriched tables are those of an earlier version.
    """
    if CLASSES not in enriched.schema.tables:
        raise PipelineError(
            CONFIGURATION,
            f"table `{CLASSES}` does not exist: the enriched tables are those of an earlier version. Bring them up to "
            f"date first: {command_line('run')}.",
        )
    columns = columns_of(enriched.schema, CLASSES)
    query = exp.select(*map(exp.column, columns)).from_(exp.to_table(CLASSES))
    return EventClasses(row for chunk in stream(enriched, query, columns) for row in chunk.to_pylist())
