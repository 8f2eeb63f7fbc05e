"""How a raw table is declared to dlt: write disposition, keys, descriptions, and the resource that fills it."""

from collections.abc import Iterable, Iterator
from typing import Any

import dlt
import pyarrow as pa
from dlt.sources import DltResource

from .dlt_internals import declare_table
from .schema import TABLES, Table

# Name of a table, and rows for it. None creates the table without a row.
Batch = tuple[str, pa.Table | None]

# Exact wherever a run is killed, unlike insert-only and append: `id` removes what was loaded twice.
MERGE = {"disposition": "merge", "strategy": "delete-insert"}
HISTORY = {"disposition": "merge", "strategy": "scd2", "row_version_column_name": "row_version"}
# A new field becomes a column. A column never changes its type: some databases would store garbage.
CONTRACT = {"tables": "evolve", "columns": "evolve", "data_type": "freeze"}


def table_resource(parent: DltResource, table: Table, write_disposition: dict[str, str], **keys: Any) -> DltResource:
    """Return the resource of one table: it takes the table's batches out of a stream that fills several."""
    # Creates a table without a row. Not as parquet: the Postgres driver fails on a file without a row group. Not by
    # dlt's `materialize_table_schema`: that adds a `_dlt_id`, which later Arrow rows do not have.
    empty = dlt.mark.with_hints(
        table.arrow_schema.empty_table(), dlt.mark.make_hints(columns=table.dlt_columns, file_format="preferred")
    )

    # Not `Batch`: dlt evaluates the annotation, and on Python 3.10 takes `tuple[...]` for a class.
    def rows(batch: Any) -> Iterator[Any]:
        name, arrow = batch
        if name == table.name:
            yield arrow if arrow is not None else empty

    return dlt.transformer(  # type: ignore[call-overload, no-any-return]
        rows,
        data_from=parent,
        name=table.name,
        columns=table.json_hints,
        write_disposition=write_disposition,
        schema_contract=CONTRACT,
        **keys,
    )


def declare_tables(histories: Iterable[Table] = TABLES) -> None:
    """Declare to dlt what the hints of the resources leave open.

    Descriptions are declared once: as hints of the resources, dlt would merge them for every page. The hash column of
    each table with history among `histories` gets its type, which dlt's SCD2 hint leaves open, so that an empty list
    gets a table too.
    """
    for table in TABLES:
        dlt.current.source_schema().update_table(table.dlt_description)
    version: Any = {"name": "row_version", "data_type": "text", "nullable": False, "x-row-version": True}
    for table in histories:
        if table.history:
            declare_table(table.name, [version])
