"""A field can be declared with every type: what fits gets into its column, the rest is kept with the record."""

import importlib.util
import json
from collections.abc import Iterator
from datetime import date, datetime, timezone
from types import ModuleType
from typing import Any

import pytest

from audit_source import schema
from audit_source.events import decode
from audit_source.field_types import FIELD_TYPES
from audit_source.records import NewColumns
from audit_source.schema import Column

MOMENT = 1_520_433_163_000


@pytest.fixture(scope="module")
def decoder() -> Iterator[ModuleType]:
    """The decoder of events with one further field of each type."""
    columns = list(schema.EVENTS.columns)
    raw_record = columns.pop()
    added = [Column(f"new_{kind}", kind, f"new{kind.title()}", f"a {kind}") for kind in FIELD_TYPES]
    # A copy of the module: the processes that decode pickle the classes of the loaded one.
    spec = importlib.util.spec_from_file_location("audit_source.events.decode_of_all_types", decode.__file__)
    assert spec and spec.loader
    copy = importlib.util.module_from_spec(spec)
    schema.EVENTS.columns[:] = [*columns, *added, raw_record]
    try:
        spec.loader.exec_module(copy)
        yield copy
    finally:
        schema.EVENTS.columns[:] = [*columns, raw_record]


def row(decoder: ModuleType, field: str, sent: str, **more: Any) -> dict[str, Any]:
    record = json.dumps({"id": 5, "eventDate": MOMENT, **more})
    body = f'{{"response": [{record[:-1]}, "{field}": {sent}}}], "meta": {{"paging": {{"totalSize": 1}}}}}}'
    [found] = decoder.decode_page(body.encode(), 0, "GET page", NewColumns()).events.to_pylist()
    return found  # type: ignore[no-any-return]


@pytest.mark.parametrize("more", [{}, {"somethingNew": 1}], ids=["typed", "generic"])
@pytest.mark.parametrize(
    ("field", "column", "sent", "kept"),
    [
        ("newText", "new_text", '"a"', "a"),
        ("newJson", "new_json", '{"a":[1]}', '{"a":[1]}'),
        ("newJson", "new_json", '"a"', '"a"'),
        ("newBigint", "new_bigint", "7", 7),
        ("newBool", "new_bool", "true", True),
        ("newTimestamp", "new_timestamp", str(MOMENT), datetime.fromtimestamp(MOMENT / 1000, timezone.utc)),
        ("newDouble", "new_double", "0.25", 0.25),
        ("newDouble", "new_double", "-3", -3.0),
        ("newDouble", "new_double", "1e300", 1e300),
        ("newDouble", "new_double", '"1.5e3"', 1500.0),
        ("newDouble", "new_double", '""', None),
        ("newDate", "new_date", '"2026-02-28"', date(2026, 2, 28)),
        ("newDate", "new_date", '""', None),
        ("newDate", "new_date", "null", None),
    ],
)
def test_value_of_each_type_gets_into_its_column(
    decoder: ModuleType, field: str, column: str, sent: str, kept: Any, more: dict[str, Any]
) -> None:
    found = row(decoder, field, sent, **more)
    assert found[column] == kept and type(found[column]) is type(kept)
    assert found["raw_record"] is None


@pytest.mark.parametrize(
    ("field", "column", "sent", "in_record"),
    [
        ("newDouble", "new_double", "NaN", "NaN"),
        ("newDouble", "new_double", "-Infinity", "-Infinity"),
        ("newDouble", "new_double", "1e999", "1e999"),
        ("newDouble", "new_double", '"1e999"', "1e999"),
        ("newDouble", "new_double", '"inf"', "inf"),
        ("newDouble", "new_double", str(2**53 + 1), 2**53 + 1),
        ("newDouble", "new_double", "1" * 500, "1" * 500),
        ("newDouble", "new_double", "true", True),
        ("newDouble", "new_double", "[1]", [1]),
        ("newDate", "new_date", '"2026-02-30"', "2026-02-30"),
        ("newDate", "new_date", '"0000-01-01"', "0000-01-01"),
        ("newDate", "new_date", '"20260228"', "20260228"),
        ("newDate", "new_date", '"2026-02-28T00:00:00Z"', "2026-02-28T00:00:00Z"),
        ("newDate", "new_date", "20260228", 20260228),
        ("newDate", "new_date", "{}", {}),
    ],
)
def test_value_that_does_not_fit_is_kept_with_the_whole_record(
    decoder: ModuleType, field: str, column: str, sent: str, in_record: Any
) -> None:
    found = row(decoder, field, sent)
    assert found[column] is None and found["id"] == 5
    assert json.loads(found["raw_record"]) == {"id": 5, "eventDate": MOMENT, field: in_record}
