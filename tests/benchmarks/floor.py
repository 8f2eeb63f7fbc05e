"""The floor: a plain sequential loop with requests, msgspec and Arrow into DuckDB.

python -m tests.benchmarks.floor URL FOLDER: no retries, no verification, no history, no second run.
"""

import json
import sys
import time
from pathlib import Path
from typing import Any

import duckdb
import msgspec
import pyarrow as pa
import requests

from audit_source.field_types import FIELD_TYPES
from audit_source.schema import EVENTS
from tests.benchmarks.tenant import EMAIL, PASSWORD

COLUMNS = [column for column in EVENTS.columns if column.field and column.field != "additionalAttributes"]
TYPES: dict[str, Any] = {"bigint": int, "timestamp": int, "bool": bool, "text": str}
Event = msgspec.defstruct(
    "Event",
    [
        *((str(column.field), TYPES[column.data_type] | None, None) for column in COLUMNS),
        ("additionalAttributes", msgspec.Raw, msgspec.Raw(b"null")),
    ],
    gc=False,
)


class Paging(msgspec.Struct):
    totalSize: int


class Meta(msgspec.Struct):
    paging: Paging


class Page(msgspec.Struct):
    response: list[Event]  # type: ignore[valid-type]
    meta: Meta


def table_of(events: list[Any]) -> pa.Table:
    arrays = []
    for column in COLUMNS:
        values = [getattr(event, str(column.field)) for event in events]
        if column.data_type == "timestamp":
            arrays.append(pa.array(values, pa.timestamp("ms", "UTC")))
        else:
            arrays.append(pa.array(values, FIELD_TYPES[column.data_type].arrow))
    arrays.append(pa.array([bytes(event.additionalAttributes).decode() for event in events]))
    return pa.table(arrays, names=[*(column.name for column in COLUMNS), "additional_attributes"])


def main(url: str, folder: Path) -> None:
    session = requests.Session()
    signed_in = session.post(f"{url}/token/authenticate", auth=(EMAIL, PASSWORD)).json()
    session.headers["Authorization"] = f"AnaplanAuthToken {signed_in['tokenInfo']['tokenValue']}"
    decoder = msgspec.json.Decoder(Page)
    now = int(time.time() * 1000)
    with duckdb.connect(str(folder / "floor.duckdb")) as database:
        offset, total = 0, 1
        while offset < total:
            span = {"dateFrom": now - 30 * 86_400_000 + 60_000, "dateTo": now, "limit": 10_000, "offset": offset}
            page = decoder.decode(session.get(f"{url}/audit/api/1/events", params=span).content)
            rows = table_of(page.response)
            total = page.meta.paging.totalSize
            database.register("rows", rows)
            if offset == 0:
                database.execute("create table events as select * from rows limit 0")
            database.execute("insert into events select * from rows")
            offset += len(page.response)
        [(number,)] = database.execute("select count(distinct id) from events").fetchall()
    print(json.dumps({"events": number}))


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
