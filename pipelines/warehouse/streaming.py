"""Rows of the destination as a stream of Arrow tables, a portion at a time, so that memory does not grow with them."""

from collections.abc import Iterator, Mapping
from typing import Any

import dlt
import pyarrow as pa
from sqlglot import exp

from audit_source.schema import ARROW_TYPES
from pipelines.common.names import DIALECT

ROWS_AT_ONCE = 50_000


def columns_of(schema: dlt.Schema, table: str) -> dict[str, str]:
    """Returns name and dlt type of the columns of a table, without those that only dlt needs."""
    columns = schema.tables[table]["columns"]
    return {
        name: str(column["data_type"])
        for name, column in columns.items()
        if "data_type" in column and (not name.startswith("_dlt") or name.startswith("_dlt_valid"))
    }


def stream(dataset: dlt.Dataset, query: exp.Query, columns: Mapping[str, str]) -> Iterator[pa.Table]:
    """Yields the rows of a query, each portion in the Arrow types of `columns` (name, dlt type); moments in UTC.

    Args:
        query (exp.Query): A query in DuckDB's dialect that gives exactly these columns.
    """
    schema = arrow_schema(columns)
    relation = dataset(query, query_dialect=DIALECT)
    if str(dataset.destination_client.config.destination_type).rpartition(".")[2] == "postgres":
        portions = _from_postgres(dataset, relation.to_sql())
    else:
        portions = relation.iter_arrow(chunk_size=ROWS_AT_ONCE)
    for portion in portions:
        if portion.num_rows:
            yield _as(portion, schema)


def arrow_schema(columns: Mapping[str, str]) -> pa.Schema:
    """Returns the Arrow schema of columns given as name and dlt type."""
    return pa.schema(pa.field(name, ARROW_TYPES.get(kind, pa.string())) for name, kind in columns.items())


def _from_postgres(dataset: dlt.Dataset, query: str) -> Iterator[pa.Table]:
    """By the Arrow driver: what dlt reads with would hold the whole answer in memory."""
    from adbc_driver_postgresql import dbapi

    credentials: Any = dataset.destination_client.config
    address = credentials.credentials.to_native_representation()
    with dbapi.connect(address) as connection, connection.cursor() as cursor:
        cursor.execute("set time zone 'UTC'")
        cursor.execute(query)
        for batch in cursor.fetch_record_batch():
            yield pa.Table.from_batches([batch])


def _as(portion: pa.Table, schema: pa.Schema) -> pa.Table:
    # An engine may fold the case of names, so columns are taken by their place.
    columns = [_cast(column, field.type) for column, field in zip(portion.columns, schema, strict=True)]
    return pa.Table.from_arrays(columns, schema=schema)


def _cast(column: pa.ChunkedArray, wanted: pa.DataType) -> pa.ChunkedArray:
    if isinstance(column.type, pa.BaseExtensionType):
        column = pa.chunked_array([chunk.storage for chunk in column.chunks], column.type.storage_type)
    return column.cast(wanted)
