"""Rename columns in databases of earlier versions, before anything reads them."""

import dlt

from .dlt_internals import keep_schema, stored_columns

# DuckLake reserves `row_id`.
RENAMED = {"model_history": {"row_id": "history_row_id"}}


def rename_columns(pipeline: dlt.Pipeline) -> None:
    """Rename stored columns whose names changed.

    dlt's schema still holds the old name until the next load, so a rename that was interrupted is completed.
    """
    if not pipeline.default_schema_name:
        return
    for table, names in RENAMED.items():
        columns = pipeline.default_schema.tables.get(table, {}).get("columns", {})
        for old, new in names.items():
            if old in columns:
                _rename_stored(pipeline, table, old, new)
                columns[new] = {**columns.pop(old), "name": new}
                keep_schema(pipeline)


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
