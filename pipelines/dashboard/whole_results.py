"""Files with all rows of a query. Rows are read and written in chunks; only the finished file is held in memory."""

import re
import tempfile
from collections.abc import Iterator, Mapping
from functools import partial
from itertools import chain
from typing import IO

import pyarrow as pa
import pyarrow.compute as pc
import streamlit as st

from pipelines.common.names import DIALECT
from pipelines.dashboard import data_access
from pipelines.export.writer import write_csv, write_parquet
from pipelines.export.xlsx import write_xlsx

from .queries.shapes import Query
from .tenants import about_tenant, settings_of_shown, shown_tenant

# Streamlit holds a file in memory until it is downloaded. The command `export` has no limit.
FORMATS = {
    "csv": ("CSV", "text/csv", 1_000_000),
    "xlsx": ("Excel", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", 200_000),
    "parquet": ("Parquet", "application/vnd.apache.parquet", 3_000_000),
}


def offer(query: Query, rows: int, about: Mapping[str, str], name: str, key: str = "whole") -> None:
    """Draw a button for each format. The file is written when somebody clicks.

    Args:
        about (Mapping[str, str]): Period and filters, for the first sheet of Excel and for Parquet's metadata.
        name (str): Name of the file, without its suffix.
        key (str): Differs from that of every other offer of the page.
    """
    sql = query.sql(DIALECT)
    with st.container(horizontal=True, gap="small"):
        for suffix, (label, mime, most) in FORMATS.items():
            st.download_button(
                f"Download all as {label}",
                partial(written, sql, suffix, {**about_tenant(), **about, "Rows": f"{rows:,}"}, shown_tenant()),
                f"{file_name(' '.join([*about_tenant().values(), name]))}.{suffix}",
                mime,
                key=f"{key}_{suffix}",
                on_click="ignore",
                icon=":material/download:",
                disabled=rows > most,
                help=f"At most {most:,} rows. For more, narrow the search or use the command `export`.",
            )


def file_name(text: str) -> str:
    """Return the text as the name of a file: letters, digits, `-` and `_`."""
    return re.sub(r"[^a-z0-9-]+", "_", text.lower()).strip("_")[:120]


def written(sql: str, suffix: str, about: Mapping[str, str], tenant: str | None = None) -> bytes:
    """Return the file with all rows of a query, which must have some, of the tenant whose page offered it."""
    with tempfile.TemporaryFile() as file, settings_of_shown(tenant), data_access.opened():
        chunks = data_access.chunks(sql)
        first = next(chunks)
        _write(suffix, chain([first], chunks), first.schema, about, file)
        file.seek(0)
        return file.read()


def _write(suffix: str, rows: Iterator[pa.Table], schema: pa.Schema, about: Mapping[str, str], file: IO[bytes]) -> None:
    if suffix == "csv":
        whole = _exact(schema.empty_table()).schema
        write_csv(map(_exact, rows), whole, file)
    elif suffix == "parquet":
        noted = schema.with_metadata({key: text.encode() for key, text in about.items()})
        write_parquet((chunk.replace_schema_metadata(noted.metadata) for chunk in rows), noted, file)
    else:
        write_xlsx(rows, schema.names, about, file)


def _exact(chunk: pa.Table) -> pa.Table:
    """Return the rows with numeric ids as text behind an apostrophe: a spreadsheet would round them."""
    for place, field in enumerate(chunk.schema):
        if pa.types.is_integer(field.type) and field.name.endswith("_id"):
            text = pc.binary_join_element_wise("'", chunk.column(place).cast(pa.string()), "")
            chunk = chunk.set_column(place, field.name, text)
    return chunk
