"""The tables of the raw dataset as streams of Arrow tables: all columns, dlt's own tables, the records of runs."""

from collections.abc import Iterator
from contextlib import suppress
from typing import Any, NamedTuple

import dlt
import pyarrow as pa
from dlt.common.destination.exceptions import DestinationUndefinedEntity
from dlt.destinations.exceptions import DatabaseUndefinedRelation
from sqlglot import exp

from pipelines.common.names import DIALECT, LOAD_NAME, dataset_name
from pipelines.run.purge import RAW_DAYS
from pipelines.warehouse.dlt_internals import columns_in
from pipelines.warehouse.run_tables import own_schema
from pipelines.warehouse.streaming import arrow_schema, stream

# A table without a month, and rows without a day.
WHOLE, UNDATED = "all", "undated"
# Large tables, which are split by month. `event_days` has a row a day.
MONTHLY = {table: column for table, column in RAW_DAYS.items() if table != "event_days"}


class RawTable(NamedTuple):
    """A table with its columns (name, dlt type), read from a dataset."""

    dataset: dlt.Dataset
    name: str
    columns: dict[str, str]

    def parts(self) -> list[str]:
        """Return the months (`2026-11`) of a large table, or one name for the whole table."""
        column = MONTHLY.get(self.name)
        if column is None:
            return [WHOLE]
        query = f"select distinct strftime({column}, '%Y-%m') as month from {self.name}"
        found = self._rows(query)
        return sorted(str(month) if month else UNDATED for month in found)

    def rows(self, part: str) -> Iterator[pa.Table]:
        """Yield the rows of a part in chunks."""
        query = exp.select(*(exp.column(name) for name in self.columns)).from_(exp.to_table(self.name))
        column = MONTHLY.get(self.name)
        if column is not None and part != WHOLE:
            query = query.where(_condition(column, part))
        return stream(self.dataset, query, self.columns)

    @property
    def arrow(self) -> pa.Schema:
        """The Arrow types of all columns."""
        return arrow_schema(self.columns)

    def _rows(self, query: str) -> list[Any]:
        columns = {"month": "text"}
        chunks = stream(self.dataset, exp.maybe_parse(query, dialect=DIALECT), columns)
        return [value for chunk in chunks for value in chunk.column(0).to_pylist()]


def _condition(column: str, part: str) -> str:
    if part == UNDATED:
        return f"{column} is null"
    year, month = map(int, part.split("-"))
    following = f"{year + month // 12}-{month % 12 + 1:02}"
    return f"{column} >= date '{part}-01' and {column} < date '{following}-01'"


def raw_schema(destination: Any) -> dlt.Schema | None:
    """Return the schema of the raw dataset as the destination stores it; None if nothing was loaded."""
    with suppress(DatabaseUndefinedRelation, DestinationUndefinedEntity):
        schema: dlt.Schema = dlt.dataset(destination, dataset_name(LOAD_NAME)).schema
        return schema if schema.data_table_names() else None
    return None


def tables_of(destination: Any, schema: dlt.Schema) -> list[RawTable]:
    """Return all tables of a raw dataset that exist; the state of the loads comes last, so that it commits a copy.

    `_dlt_version` is left out: whoever creates the tables writes it.
    """
    dataset = dlt.dataset(destination, dataset_name(LOAD_NAME), schema=schema)
    own = dlt.dataset(destination, dataset_name(LOAD_NAME), schema=own_schema())
    state = [schema.loads_table_name, schema.state_table_name]
    names = [name for name in schema.data_table_names(seen_data_only=False) if name not in state]
    found = [*_existing(dataset, names), *_existing(own, own.schema.data_table_names(seen_data_only=False))]
    return [*found, *_existing(dataset, [name for name in state if name in schema.tables])]


def _existing(dataset: dlt.Dataset, names: list[str]) -> list[RawTable]:
    """Return the tables that exist, with the columns that exist: an earlier version may have written them."""
    with dataset.destination_client as client:
        stored = {
            name: {column.lower() for column in columns}
            for name, columns in columns_in(client, names).items()
            if columns
        }
    return [
        RawTable(
            dataset,
            name,
            {column: kind for column, kind in _columns(dataset.schema, name).items() if column in stored[name]},
        )
        for name in names
        if name in stored
    ]


def _columns(schema: dlt.Schema, table: str) -> dict[str, str]:
    columns = schema.tables[table]["columns"]
    return {name: str(column["data_type"]) for name, column in columns.items() if "data_type" in column}
