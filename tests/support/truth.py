"""Compare a tenant with the raw tables row by row: count lost, doubled and invented rows.

The expected rows are built from the JSON that was sent, by rules of this module, not by the code under test.
"""

import json
import re
from collections import Counter
from collections.abc import Hashable, Iterable
from datetime import datetime, timedelta, timezone
from typing import Any, NamedTuple

EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
EVENT_FIELDS = [
    "id",
    "eventTypeId",
    "userId",
    "tenantId",
    "objectId",
    "objectTypeId",
    "objectTenantId",
    "message",
    "success",
    "errorNumber",
    "ipAddress",
    "userAgent",
    "sessionId",
    "hostName",
    "serviceVersion",
    "eventDate",
    "eventTimeZone",
    "createdDate",
    "createdTimeZone",
    "checksum",
]
ATTRIBUTE_KEYS = [
    "workspaceId",
    "modelId",
    "name",
    "actionId",
    "actionType",
    "pageId",
    "targetUserName",
    "active",
    "auth_id",
]
LIST_FIELDS = {
    "users": ["id", "firstName", "lastName", "email", "active"],
    "workspaces": ["id", "name", "active", "sizeAllowance"],
    "models": ["id", "name", "activeState", "currentWorkspaceId", "currentWorkspaceName"],
}


class Verdict(NamedTuple):
    """The result of a comparison. A row that differs in one value counts as one lost and one invented."""

    compared: int
    lost: int
    doubled: int
    invented: int

    def __add__(self, other: Any) -> "Verdict":
        return Verdict(*(a + b for a, b in zip(self, other, strict=True)))

    @property
    def is_exact(self) -> bool:
        return self.lost == self.doubled == self.invented == 0


def compare(expected: Iterable[Hashable], found: Iterable[Hashable]) -> Verdict:
    """Compare rows in any order; `expected` holds each row once."""
    wanted, got = set(expected), Counter(iter(found))
    doubled = sum(number - 1 for number in got.values())
    return Verdict(len(wanted), len(wanted - got.keys()), doubled, len(got.keys() - wanted))


def compare_events(sent: Iterable[dict[str, Any]], engine: Any, where: str = "true") -> Verdict:
    """Compare every event of the tenant with the rows of `events` that match `where`, field for field."""
    columns = [*map(snake, EVENT_FIELDS), "additional_attributes", "event_day"]
    columns += [f"additional_attributes__{snake(key)}" for key in ATTRIBUTE_KEYS]
    found = engine.rows(f"select {', '.join(columns)} from anaplan_audit_raw.events where {where}")
    return compare(map(event_row, sent), (_readable(row, engine.kind) for row in found))


def compare_list(name: str, sent: Iterable[dict[str, Any]], engine: Any) -> Verdict:
    """Compare a served list with the current rows of its table."""
    columns = ", ".join(map(snake, LIST_FIELDS[name]))
    found = engine.rows(f"select {columns} from anaplan_audit_raw.{name} where _dlt_valid_to is null")
    return compare([tuple(_value(field, record.get(field)) for field in LIST_FIELDS[name]) for record in sent], found)


def compare_windows(sent: Iterable[dict[str, Any]], engine: Any) -> Verdict:
    """Compare the ledger with the tenant: each event in exactly one complete window that counted it.

    A window that overlaps another one counts as doubled; events it counts beyond the tenant's as invented.
    """
    moments = sorted(event["eventDate"] for event in sent)
    windows = engine.rows(
        "select window_start, window_end, distinct_events, status from anaplan_audit_raw.event_windows order by 1"
    )
    total = Verdict(len(windows), 0, 0, 0)
    end = EPOCH
    for start, stop, distinct, status in windows:
        sent_in_window = (
            sum(_moment(at) >= start and _moment(at) < stop for at in moments) if status == "complete" else 0
        )
        total += Verdict(0, max(0, sent_in_window - distinct), int(start < end), max(0, distinct - sent_in_window))
        end = stop
    covered = sum(
        any(start <= _moment(at) < stop and status == "complete" for start, stop, _, status in windows)
        for at in moments
    )
    return total + Verdict(0, len(moments) - covered, 0, 0)


def event_row(event: dict[str, Any]) -> tuple[Any, ...]:
    """Return the expected row of an event."""
    values = [_value(field, event.get(field)) for field in EVENT_FIELDS]
    attributes = event.get("additionalAttributes")
    known = attributes if isinstance(attributes, dict) else {}
    return (
        *values,
        None if attributes in (None, "") else _canonical(_clean(attributes)),
        _moment(event["eventDate"]).date(),
        *(_attribute(known.get(key)) for key in ATTRIBUTE_KEYS),
    )


def snake(field: str) -> str:
    return re.sub("[A-Z]", lambda letter: f"_{letter[0].lower()}", field)


def _value(field: str, value: Any) -> Any:
    if field.endswith("Date"):
        return _moment(value)
    return _clean(value) if isinstance(value, str) and value else None if value == "" else value


def _attribute(value: Any) -> str | None:
    if value is None or value == "":
        return None
    return _clean(value) if isinstance(value, str) else json.dumps(value)


def _clean(value: Any) -> Any:
    """Replace NUL and unpaired surrogates, which databases refuse."""
    if isinstance(value, str):
        # A valid pair in JSON is one character.
        return re.sub("[\0\ud800-\udfff]", "\ufffd", json.loads(json.dumps(value)))
    if isinstance(value, list):
        return [_clean(item) for item in value]
    return {_clean(key): _clean(item) for key, item in value.items()} if isinstance(value, dict) else value


def _readable(row: tuple[Any, ...], kind: str) -> tuple[Any, ...]:
    """Parse JSON where needed: DuckDB's driver returns it as text, PostgreSQL's as objects."""
    place = len(EVENT_FIELDS)
    attributes = row[place]
    if attributes is None:
        return row
    parsed = json.loads(attributes) if kind == "duckdb" else attributes
    return (*row[:place], _canonical(parsed), *row[place + 1 :])


def _canonical(value: Any) -> str:
    return json.dumps(value, sort_keys=True)


def _moment(ms: Any) -> Any:
    return EPOCH + timedelta(milliseconds=ms) if isinstance(ms, int) else None
