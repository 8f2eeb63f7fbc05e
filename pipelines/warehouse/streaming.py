"""Rows of the destination as a stream of Arrow tables, in chunks, so that memory does not grow with their number."""

from collections.abc import Iterator, Mapping

import dlt
import pyarrow as pa
from sqlglot import exp

from audit_source.field_types import FIELD_TYPES
from pipelines.common.names import DIALECT

from .engine import engine_of
from .sql_fixes import for_dialect


def columns_of(schema: dlt.Schema, table: str) -> dict[str, str]:
    """Return name and dlt type of the columns of a table, without those that only dlt needs."""
    columns = schema.tables[table]["columns"]
    return {
        name: str(column["data_type"])
        for name, column in columns.items()
        if "data_type" in column and (not name.startswith("_dlt") or name.startswith("_dlt_valid"))
    }


def stream(
    dataset: dlt.Dataset, query: exp.Query, columns: Mapping[str, str], other: dlt.Dataset | None = None
) -> Iterator[pa.Table]:
    """Yield the rows of a query in chunks, each in the Arrow types of `columns` (name, dlt type); times in UTC.

    Args:
        query (exp.Query): A query in DuckDB's dialect that returns exactly these columns.
        other (dlt.Dataset): Dataset of the tables that `dataset` lacks. Each column of the query needs an alias then.
    """
    schema = arrow_schema(columns)
    if other is None:
        relation = dataset(query, query_dialect=DIALECT)
    else:
        fixed = for_dialect(query, str(dataset.destination_dialect))
        relation = engine_of(dataset).relation(dataset, fixed, other)
    for chunk in engine_of(dataset).stream(dataset, relation):
        if chunk.num_rows:
            yield _in_schema(chunk, schema)


def arrow_schema(columns: Mapping[str, str]) -> pa.Schema:
    """Return the Arrow schema of columns given as name and dlt type."""
    return pa.schema(
        pa.field(name, FIELD_TYPES[kind].arrow if kind in FIELD_TYPES else pa.string())
        for name, kind in columns.items()
    )


def _in_schema(chunk: pa.Table, schema: pa.Schema) -> pa.Table:
    # By position: an engine may fold the case of names.
    columns = [_cast(column, field.type) for column, field in zip(chunk.columns, schema, strict=True)]
    return pa.Table.from_arrays(columns, schema=schema)


def _cast(column: pa.ChunkedArray, wanted: pa.DataType) -> pa.ChunkedArray:
    if isinstance(column.type, pa.BaseExtensionType):
        column = pa.chunked_array([chunk.storage for chunk in column.chunks], column.type.storage_type)
    return column.cast(wanted)
