"""Conversion of Anaplan's JSON records to Arrow tables of one fixed schema.

A record that does not fit is never dropped. Values that fit their column are kept, an unknown field becomes a text
column, and `raw_record`, if the table has this column, keeps the complete record.
"""

import hashlib
import json
import math
import re
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from .errors import BadAnswerError
from .field_types import FIELD_TYPES, as_text, dumps
from .schema import Table

Record = dict[str, Any]

# A service that invents a field name per record must not create a column for each.
MOST_NEW_COLUMNS = 50

# Matches every escape, so that `\\\\u0000` (an escaped backslash, then text) stays as it is.
_ESCAPE = re.compile(rb"\\(u0000|.)", re.DOTALL)
_JSON_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|[\[\]{}]', re.DOTALL)
# Limits up to which nesting stays as sent (levels), and an integer stays a number (digits).
DEEPEST, LONGEST_NUMBER = 100, 400


class NewColumns:
    """Unknown fields that got a column in this run.

    Attributes:
        fields (Dict[str, str]): The field of each new column.
        misfits (Set[str]): Known fields whose value has another type than their column.
    """

    def __init__(self) -> None:
        self.fields: dict[str, str] = {}
        self.misfits: set[str] = set()

    def name_for(self, field: str, taken: set[str]) -> str | None:
        """Return the column for an unknown field, or None if its name is taken or there are too many columns."""
        # Imported here, so that the process that decodes pages runs without dlt: that halves its memory.
        from .dlt_internals import snake_case

        try:
            name = snake_case(field)
        except ValueError:
            return None
        if name in taken or name.startswith("_dlt"):
            return None
        if name not in self.fields and len(self.fields) >= MOST_NEW_COLUMNS:
            return None
        return name if self.fields.setdefault(name, field) == field else None


def by_id(records: Iterable[Any]) -> dict[str, Record]:
    """Return the records that have an id, by id. One that comes twice would be stored twice."""
    return {str(one["id"]): one for one in records if isinstance(one, dict) and one.get("id")}


def object_in(record: Any, key: str) -> Record:
    """Return the JSON object under a key, or {} if there is none."""
    found = record.get(key) if isinstance(record, dict) else None
    return found if isinstance(found, dict) else {}


class Rows(NamedTuple):
    """Values by column name, all lists of one length. A column that is missing here is null in every row.

    Attributes:
        extra (Dict[str, Sequence[Any]]): Columns that the schema does not have.
    """

    columns: dict[str, Sequence[Any]]
    extra: dict[str, Sequence[Any]]


def without_nul(body: bytes) -> bytes:
    """Return a JSON body with U+FFFD instead of every NUL character, which PostgreSQL cannot store."""
    if b"\\u0000" not in body:
        return body
    return _ESCAPE.sub(lambda escape: b"\\ufffd" if escape[1] == b"u0000" else escape[0], body)


def decode_lenient(body: bytes, operation: str) -> Any:
    """Parse JSON that may contain invalid UTF-8, half a surrogate pair or control characters.

    Raises:
        BadAnswerError: The body is not JSON.
    """
    text = without_nul(body).decode("utf-8", "replace")
    try:
        try:
            return _cleaned(text)
        except RecursionError:
            return _cleaned(flattened(text))
    except (ValueError, RecursionError):
        raise BadAnswerError(operation, "a body that is not JSON", "Run again. If it stays, report it.")


def _cleaned(text: str) -> Any:
    """Parse JSON. From Python 3.12 on, values nest deeper in `json` than functions may, and `_clean` is what fails."""
    parsed = _loads(text)
    return _clean(parsed) if "\\ud" in text or "\\uD" in text or "\x00" in text else parsed


def _loads(text: str) -> Any:
    """Parse JSON. Numbers that no database can hold stay text."""
    return json.loads(text, strict=False, parse_constant=str, parse_float=_float, parse_int=_int)


def _float(text: str) -> float | str:
    number = float(text)
    return number if math.isfinite(number) else text


def _int(text: str) -> int | str:
    return int(text) if len(text) <= LONGEST_NUMBER else text


def flattened(text: str) -> str:
    """Return JSON whose values below `DEEPEST` levels are texts, so that one hostile value cannot fail the page."""
    parts: list[str] = []
    depth = done = 0
    deep_from: int | None = None
    for token in _JSON_TOKEN.finditer(text):
        if token[0] in ("[", "{"):
            depth += 1
            if depth == DEEPEST + 1:
                deep_from = token.start()
        elif token[0] in ("]", "}"):
            depth -= 1
            if depth == DEEPEST and deep_from is not None:
                parts += [text[done:deep_from], json.dumps(text[deep_from : token.end()])]
                done, deep_from = token.end(), None
    return "".join([*parts, text[done:]])


def table_of(table: Table, rows: Rows) -> pa.Table:
    """Return the Arrow table of `rows`: exactly the columns of `table`, then the extra ones as text."""
    names = [column.name for column in table.columns]
    length = len(next(iter(rows.columns.values())))
    arrays = [
        array_of(rows.columns[column.name], FIELD_TYPES[column.data_type].arrow)
        if column.name in rows.columns
        else pa.nulls(length, FIELD_TYPES[column.data_type].arrow)
        for column in table.columns
    ]
    built = pa.Table.from_arrays(arrays, schema=table.arrow_schema)
    for name, values in rows.extra.items():
        if name not in names:
            built = built.append_column(pa.field(name, pa.string()), array_of(values, pa.string()))
    return built


def array_of(values: Any, arrow_type: pa.DataType) -> pa.Array:
    """Return values as an Arrow array. Timestamps are epoch ms, and an empty text becomes null.

    Raises:
        pa.ArrowInvalid, pa.ArrowTypeError: A value has another type.
    """
    if isinstance(values, (pa.Array, pa.ChunkedArray)):
        return values
    if pa.types.is_timestamp(arrow_type):
        # Cast through ms: a direct cast to another unit would read the number in that unit.
        return pa.array(values, pa.int64()).cast(pa.timestamp("ms", "UTC")).cast(arrow_type)
    array = pa.array(values, arrow_type)
    if pa.types.is_string(arrow_type) and pc.min(pc.binary_length(array)).as_py() == 0:
        return pc.if_else(pc.equal(array, ""), pa.scalar(None, pa.string()), array)
    return array


def rows_of(table: Table, records: list[Record], new_columns: NewColumns) -> Rows:
    """Convert records one by one: directory lists, and pages that the typed decoder rejects."""
    fields = {column.field: column for column in table.columns if column.field}
    taken = {column.name for column in table.columns}
    columns: dict[str, Any] = {column.name: [] for column in table.columns}
    extra: dict[str, Any] = {}
    for position, record in enumerate(records):
        values, misfits = _declared(fields, record)
        new_columns.misfits |= misfits
        fits = not misfits
        for field in record.keys() - fields.keys():
            name = new_columns.name_for(field, taken)
            if name is None:
                fits = False
            else:
                column = extra.setdefault(name, [])
                column.extend([None] * (position - len(column)))
                column.append(as_text(record[field]))
        if "raw_record" in columns and not fits:
            values["raw_record"] = dumps(record)
        for name, column in columns.items():
            column.append(values.get(name))
    for column in extra.values():
        column.extend([None] * (len(records) - len(column)))
    return Rows(columns, extra)


def id_from_content(record: Record) -> int:
    """Return an id for an event without a usable one. It is a hash of the record, and negative, unlike real ids."""
    digest = hashlib.sha256(dumps(record, sort_keys=True).encode()).digest()
    return -(int.from_bytes(digest[:8], "big") >> 1) - 1


def _declared(fields: dict[str, Any], record: Record) -> tuple[Record, set[str]]:
    """Return the values by column, and the fields whose value has another type than their column."""
    values: Record = {}
    misfits: set[str] = set()
    for field, column in fields.items():
        values[column.name], fits = FIELD_TYPES[column.data_type].convert(record.get(field))
        if not fits:
            misfits.add(field)
    return values, misfits


def _clean(value: Any) -> Any:
    """Return a value with U+FFFD instead of half surrogate pairs and NUL, which no UTF-8 column can hold."""
    if isinstance(value, str):
        return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace").replace("\x00", "\ufffd")
    if isinstance(value, list):
        return [_clean(item) for item in value]
    if isinstance(value, dict):
        return {_clean(key): _clean(item) for key, item in value.items()}
    return value
