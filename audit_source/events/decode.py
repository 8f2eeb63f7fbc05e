"""A page of the audit API: JSON bytes -> Arrow table, by a strict typed decoder, or a generic one for the rest."""

from collections.abc import Sequence
from operator import attrgetter
from typing import Any, NamedTuple

import msgspec
import pyarrow as pa
import pyarrow.compute as pc

from ..errors import BadAnswerError
from ..field_types import FIELD_TYPES, as_text
from ..records import (
    NewColumns,
    Rows,
    decode_lenient,
    id_from_content,
    rows_of,
    table_of,
    without_nul,
)
from ..schema import ATTRIBUTE_PREFIX, ATTRIBUTES, EVENTS, Column

_NOTHING = msgspec.Raw(b"null")
_SENT = [column for column in EVENTS.columns if column.field and column.field != "additionalAttributes"]
_ATTRIBUTE_COLUMNS = dict(
    zip(
        ATTRIBUTES, (column.name for column in EVENTS.columns if column.name.startswith(ATTRIBUTE_PREFIX)), strict=False
    )
)


def _struct_field(column: Column) -> tuple[Any, ...]:
    field_type = FIELD_TYPES[column.data_type].typed
    return (column.field, field_type | None, None) if column.nullable else (column.field, field_type)


# Built from the schema, so that a column is declared in one place only.
_Event = msgspec.defstruct(
    "_Event",
    [*map(_struct_field, _SENT), ("additionalAttributes", msgspec.Raw, _NOTHING)],
    forbid_unknown_fields=True,
    gc=False,
)


class _Paging(msgspec.Struct):
    totalSize: int | None = None


class _Meta(msgspec.Struct):
    paging: _Paging | None = None


class _Page(msgspec.Struct):
    response: list[_Event] | msgspec.UnsetType | None = msgspec.UNSET  # type: ignore[valid-type]
    meta: _Meta | None = None


_page_decoder = msgspec.json.Decoder(_Page)
_list_decoder = msgspec.json.Decoder(list[Any])
_GETTERS = {column.name: attrgetter(str(column.field)) for column in _SENT}


class Page(NamedTuple):
    """A decoded page.

    Attributes:
        events (pa.Table): None if the page has no events.
        arrived (int): Number of events.
        total (int): `totalSize`, or None.
    """

    events: pa.Table | None
    arrived: int
    total: int | None


def decode_page(body: bytes, window_start: int, operation: str, new_columns: NewColumns) -> Page:
    """Return the page of a JSON body.

    Args:
        window_start (int): Epoch ms that dates the events without a date.
        operation (str): The request, for errors.

    Raises:
        BadAnswerError: The body is not a page of events.
    """
    # A page with something that the schema does not have is decoded again: slower, but nothing is lost.
    return decode_typed(body, window_start) or decode_generic(body, window_start, operation, new_columns)


def decode_typed(body: bytes, window_start: int) -> Page | None:
    """Return the page of a JSON body, or None if it holds anything that the schema does not have."""
    try:
        page = _page_decoder.decode(without_nul(body))
        events, meta = page.response, page.meta
        paging = meta.paging if meta and meta.paging else _Paging()
        total = paging.totalSize
        if events is msgspec.UNSET and total is not None:
            events = []
        if not isinstance(events, list):
            return None
        return Page(_table(_typed_rows(events), window_start) if events else None, len(events), total)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, OverflowError, pa.ArrowInvalid, pa.ArrowTypeError):
        return None


def _typed_rows(events: list[Any]) -> Rows:
    # By column: ten thousand tuples at a time would start Python's garbage collector.
    columns: dict[str, Sequence[Any]] = {name: list(map(getter, events)) for name, getter in _GETTERS.items()}
    raw = [bytes(event.additionalAttributes) for event in events]
    columns["additional_attributes"] = [None if text in (b"null", b'""') else text.decode() for text in raw]
    columns.update(_attribute_columns(_list_decoder.decode(b"[" + b",".join(raw) + b"]")))
    return Rows(columns, {})


def _attribute_columns(attributes: list[Any]) -> dict[str, list[Any]]:
    """Return a text column for each known key that occurs. Events set few keys, so the loop is over those."""
    columns: dict[str, list[Any]] = {}
    for position, found in enumerate(attributes):
        if isinstance(found, dict):
            for key, value in found.items():
                name = _ATTRIBUTE_COLUMNS.get(key)
                if name is not None:
                    if name not in columns:
                        columns[name] = [None] * len(attributes)
                    columns[name][position] = value if type(value) is str else as_text(value)
    return columns


def decode_generic(body: bytes, window_start: int, operation: str, new_columns: NewColumns) -> Page:
    """Return the page of any JSON body with events, converted one by one; see `decode_page`.

    Raises:
        BadAnswerError: The body is not a page of events.
    """
    answer = decode_lenient(body, operation)
    records = answer.get("response") if isinstance(answer, dict) else None
    paging = (answer.get("meta") or {}).get("paging") if isinstance(answer, dict) else None
    total = _whole(paging, "totalSize")
    if records is None and total is not None:
        records = []
    if not isinstance(records, list) or not all(isinstance(record, dict) for record in records):
        raise BadAnswerError(
            operation, "JSON that is not a page of events", "Check `audit_url`. If it stays, report it."
        )
    rows = rows_of(EVENTS, records, new_columns)
    rows.columns.update(_attribute_columns([record.get("additionalAttributes") for record in records]))
    for position, record in enumerate(records):
        if rows.columns["id"][position] is None:
            rows.columns["id"][position] = id_from_content(record)  # type: ignore[index]
            rows.columns["raw_record"][position] = as_text(record)  # type: ignore[index]
    return Page(_table(rows, window_start) if records else None, len(records), total)


def _whole(paging: Any, key: str) -> int | None:
    value = paging.get(key) if isinstance(paging, dict) else None
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _table(rows: Rows, window_start: int) -> pa.Table:
    """Return the table, with the computed columns: the normalised code and the UTC day."""
    codes = rows.columns["event_type_id"]
    normalised = {code: normalise_code(code) for code in set(codes)}
    rows.columns["event_type_code"] = [normalised[code] for code in codes]
    moments = pc.coalesce(
        *(pa.array(rows.columns[name], pa.int64()) for name in ("event_date", "created_date")),
        pa.scalar(window_start, pa.int64()),
    )
    # A cast to a date ignores the time zone of the session.
    rows.columns["event_day"] = moments.cast(pa.timestamp("ms")).cast(pa.date32())
    return table_of(EVENTS, rows)


def normalise_code(code: str | None) -> str | None:
    """Return a code without the leading zeros that some records have: `USR-04` is `USR-4`."""
    if not code:
        return None
    prefix, dash, number = code.rpartition("-")
    # As text: Python refuses to parse a number with thousands of digits.
    return f"{prefix}-{number.lstrip('0') or '0'}" if dash and number.isascii() and number.isdigit() else code
