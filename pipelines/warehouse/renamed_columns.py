"""Rename columns in databases of earlier versions, before anything reads them."""

from collections.abc import Iterable, Mapping
from typing import Any

import dlt

from audit_source.schema import Table

from .dlt_internals import keep_schema, stored_columns

# DuckLake reserves `row_id`.
RENAMED = {"model_history": {"row_id": "history_row_id"}}


def rename_columns(pipeline: dlt.Pipeline, tables: Iterable[Table]) -> None:
    """Rename stored columns whose names or types changed.

    A field that an earlier version did not know has a text column. The rows of that version keep it under another name,
    because dlt refuses to load values of the declared type into it.

    dlt's schema still holds the old name until the next load, so a rename that was interrupted is completed.
    """
    if not pipeline.default_schema_name:
        return
    for table, names in _renames(pipeline.default_schema, tables):
        for old, new in names.items():
            _rename_stored(pipeline, table, old, new)
            # Asked for again, because dlt reads the schema from its file again until it is changed.
            columns = pipeline.default_schema.tables[table]["columns"]
            columns[new] = {**columns.pop(old), "name": new}
            keep_schema(pipeline)


def _renames(schema: dlt.Schema, tables: Iterable[Table]) -> list[tuple[str, dict[str, str]]]:
    """Return the tables to change, each with the new name of every column to rename."""
    stored = {name: table["columns"] for name, table in schema.tables.items()}
    changes = [*RENAMED.items(), *((one.name, _texts(one, stored.get(one.name, {}))) for one in tables)]
    return [
        (table, {old: new for old, new in names.items() if old in stored.get(table, {})}) for table, names in changes
    ]


def _texts(table: Table, stored: Mapping[str, Any]) -> dict[str, str]:
    """Return the new name of each column that is stored as text and declared with another type."""
    typed = (column.name for column in table.columns if column.data_type != "text")
    return {name: f"{name}_as_text" for name in typed if stored.get(name, {}).get("data_type") == "text"}


def _rename_stored(pipeline: dlt.Pipeline, table: str, old: str, new: str) -> None:
    stored = {column.lower() for column in stored_columns(pipeline, [table]).get(table, ())}
    with pipeline.sql_client() as client:
        if old in stored and new not in stored:
            before, after = client.escape_column_name(old), client.escape_column_name(new)
            client.execute_sql(
                f"ALTER TABLE {client.make_qualified_table_name(table)} RENAME COLUMN {before} TO {after}"
            )
        # dlt creates it again. A required column of the old name would refuse new rows.
        with client.with_staging_dataset():
            if client.has_dataset():
                client.execute_sql(f"DROP TABLE IF EXISTS {client.make_qualified_table_name(table)}")
