"""The types that a raw column can have: in Arrow, in the typed decoder, and the conversion of any JSON value.

A conversion returns the value and whether the sent one fits. A value that does not fit is null or text in its column,
and the caller keeps the whole record.
"""

import json
import math
import re
from collections.abc import Callable
from datetime import date, datetime, timezone
from typing import Annotated, Any, NamedTuple

import msgspec
import pyarrow as pa

# The years 1 to 9999: the range of every engine's timestamp.
LEAST_MS, MOST_MS = -62_135_596_800_000, 253_402_300_799_999
LEAST_INT64, MOST_INT64 = -(2**63), 2**63 - 1
# Every whole number up to this is exact as a double.
MOST_EXACT = 2**53

_ISO_ZONE = re.compile(r"([+-]\d{2})(\d{2})$")
_NUMBER = re.compile(r"-?\d{1,400}(\.\d{1,400})?([eE][+-]?\d{1,4})?", re.ASCII)
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)

_Fits = tuple[Any, bool]


class FieldType(NamedTuple):
    """One type.

    Attributes:
        typed (Any): What the typed decoder of events accepts. It hands every other value to `convert`.
        convert (Callable): Returns the value for the column, and whether the sent value fits.
    """

    arrow: pa.DataType
    typed: Any
    convert: Callable[[Any], _Fits]


def as_text(value: Any) -> str | None:
    """Return any value as text: JSON if it is not a string, None if it is empty."""
    if value is None or value == "":
        return None
    return value if isinstance(value, str) else dumps(value)


def as_json(value: Any) -> str | None:
    """Return any value as JSON, or None if it is empty."""
    return None if value is None or value == "" else dumps(value)


def from_iso(text: str) -> int | None:
    """Return epoch ms of an ISO time such as `2026-11-01T08:00:00.000+0000`, or None if it is invalid."""
    try:
        # Python 3.10 needs a colon in the zone.
        moment = datetime.fromisoformat(_ISO_ZONE.sub(r"\1:\2", text.replace("Z", "+00:00")))
        return int((moment if moment.tzinfo else moment.replace(tzinfo=timezone.utc)).timestamp() * 1000)
    except (ValueError, OverflowError):
        return None


def dumps(value: Any, **options: Any) -> str:
    """Return compact JSON."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), **options)


def _text(value: Any) -> _Fits:
    return as_text(value), value is None or isinstance(value, str)


def _json(value: Any) -> _Fits:
    return as_json(value), True


def _bigint(value: Any) -> _Fits:
    if value is None or value == "":
        return None, True
    if isinstance(value, str) and re.fullmatch(r"-?\d{1,19}", value):
        value = int(value)
    if isinstance(value, float) and value.is_integer() and abs(value) < 2**53:
        value = int(value)
    fits = isinstance(value, int) and not isinstance(value, bool) and LEAST_INT64 <= value <= MOST_INT64
    return (value, True) if fits else (None, False)


def _bool(value: Any) -> _Fits:
    if value is None or value == "":
        return None, True
    known = {True: True, False: False, "true": True, "false": False}
    return (known[value], True) if isinstance(value, (bool, str)) and value in known else (None, False)


def _timestamp(value: Any) -> _Fits:
    if isinstance(value, str) and not value.lstrip("-").isdigit() and value:
        value = from_iso(value)
        fits = value is not None and LEAST_MS <= value <= MOST_MS
        return (value, True) if fits else (None, False)
    number, fits = _bigint(value)
    if number is not None and not LEAST_MS <= number <= MOST_MS:
        return None, False
    return number, fits


def _double(value: Any) -> _Fits:
    if value is None or value == "":
        return None, True
    if isinstance(value, str) and _NUMBER.fullmatch(value):
        value = float(value)
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None, False
    # NaN and the infinities are no JSON, and not every engine stores them.
    fits = abs(value) <= MOST_EXACT if isinstance(value, int) else math.isfinite(value)
    return (float(value), True) if fits else (None, False)


def _date(value: Any) -> _Fits:
    if value is None or value == "":
        return None, True
    try:
        return (date.fromisoformat(value), True) if _DATE.fullmatch(value) else (None, False)
    except (TypeError, ValueError):
        return None, False


_Int64 = Annotated[int, msgspec.Meta(ge=LEAST_INT64, le=MOST_INT64)]
_Moment = Annotated[int, msgspec.Meta(ge=LEAST_MS, le=MOST_MS)]
# A larger number may be a whole one that a double would round.
_Double = Annotated[float, msgspec.Meta(gt=-MOST_EXACT, lt=MOST_EXACT)]

FIELD_TYPES: dict[str, FieldType] = {
    "text": FieldType(pa.string(), str, _text),
    # Any text is JSON too, but the value as sent must stay: the typed decoder leaves such a field to `convert`.
    "json": FieldType(pa.string(), msgspec.UnsetType, _json),
    "bigint": FieldType(pa.int64(), _Int64, _bigint),
    "double": FieldType(pa.float64(), _Double, _double),
    "bool": FieldType(pa.bool_(), bool, _bool),
    "date": FieldType(pa.date32(), date, _date),
    # Microseconds, not the milliseconds of the API: for `ms`, dlt declares precision 3, and DuckDB warns per column.
    "timestamp": FieldType(pa.timestamp("us", "UTC"), _Moment, _timestamp),
}
