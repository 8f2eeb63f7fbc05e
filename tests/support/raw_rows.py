"""Raw tables for the tests: rows as dicts, loaded by dlt with the columns of `audit_source.schema`.

Directory rows keep the validity that a test gives them, so that it can define any history.
"""

from datetime import date, datetime, timezone
from typing import Any

import dlt
import pyarrow as pa

from audit_source import schema
from audit_source.events.decode import normalise_code

Row = dict[str, Any]

LOADED_AT = "2026-03-10 00:00"
VALIDITY = ("_dlt_valid_from", "_dlt_valid_to")


def at(text: str) -> datetime:
    """Return a time like `2026-03-01 10:00` in UTC."""
    return datetime.fromisoformat(text).replace(tzinfo=timezone.utc)


def event(number: int, code: str, happened: str | None, **values: Any) -> Row:
    """Return an event with the fields that every event has. Keys with the prefix `attr_` are additional attributes."""
    row: Row = {
        "id": 971529164212789000 + number,
        "event_type_id": code,
        "event_type_code": normalise_code(code),
        "message": f"event {number}",
        "event_date": at(happened) if happened else None,
        "created_date": at(happened) if happened else None,
        "event_day": at(happened).date() if happened else date(2026, 3, 1),
    }
    row.update({key.replace("attr_", schema.ATTRIBUTE_PREFIX): value for key, value in values.items()})
    return row


def version(row_id: str, since: str, until: str | None = None, **values: Any) -> Row:
    """Return a version of a user, workspace or model."""
    validity = dict(zip(VALIDITY, (at(since), at(until) if until else None), strict=False))
    return {"id": row_id, "row_version": f"{row_id} {since} {until} {values}", **values, **validity}


def days_of(events: list[Row], loaded_at: str = LOADED_AT) -> list[Row]:
    """Return the days of events, as a load records them."""
    return [{"event_day": day, "loaded_at": at(loaded_at)} for day in sorted({row["event_day"] for row in events})]


def load_raw(pipeline: dlt.Pipeline, loaded_at: str = LOADED_AT, **rows: list[Row]) -> None:
    """Load rows by table: merge events and record their days, replace every other table.

    Other tables keep their rows; the first load creates them empty.
    """
    if "events" in rows:
        rows["event_days"] = days_of(rows["events"], loaded_at)
    dlt.config["normalize.parquet_normalizer.add_dlt_load_id"] = True
    first = not pipeline.default_schema_name
    pipeline.run([raw_resource(table, rows.get(table.name)) for table in schema.TABLES if first or table.name in rows])


def arrow_table(table: schema.Table, rows: list[Row]) -> pa.Table:
    fields = list(table.arrow_schema)
    if table.history:
        fields += [pa.field(name, pa.timestamp("us", "UTC")) for name in VALIDITY]
    return pa.Table.from_pylist(rows, pa.schema(fields))


def raw_resource(table: schema.Table, rows: list[Row] | None) -> Any:
    columns = {**table.dlt_columns}
    if table.history:
        columns.update({name: {"name": name, "data_type": "timestamp", "nullable": True} for name in VALIDITY})
    merged = table.name in ("events", "event_days")

    return dlt.resource(
        [arrow_table(table, rows or [])],
        name=table.name,
        columns=columns,
        primary_key=list(table.key) if merged else None,
        write_disposition={"disposition": "merge", "strategy": "delete-insert"} if merged else "replace",
        # The Postgres driver fails on a parquet file without a row.
        file_format="parquet" if rows else None,
    )
