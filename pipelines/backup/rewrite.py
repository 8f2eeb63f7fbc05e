"""Rewrite a DuckDB file without deleted data: DuckDB keeps the bytes of deleted rows in freed blocks."""

import os
import shutil
from contextlib import suppress
from typing import Any

from pipelines.publish.writer import beside, count, quoted, removed_at_the_end, text_literal
from pipelines.warehouse.duckdb.file import open_for_writing

MEMORY = "500MB"


def rewrite(path: str) -> None:
    """Copy every table into a new file, and replace the old file once all rows have arrived.

    Raises:
        PipelineError: Another program holds the file, or it cannot be opened.
        OSError: The disk is full, or the copy is incomplete. The old file is unchanged.
    """
    new = beside(path, "rewritten")
    with removed_at_the_end(new):
        connection = open_for_writing(path)
        try:
            connection.execute(f"set memory_limit = '{MEMORY}'")
            connection.execute("set preserve_insertion_order = false")
            (name,) = connection.execute("select current_database()").fetchone()
            connection.execute(f"attach {text_literal(new)} as rewritten")
            connection.execute(f"copy from database {quoted(name)} to rewritten")
            counts = counts_of(connection, name)
            if counts_of(connection, "rewritten") != counts:
                raise OSError(0, "the copy and the database have different row counts", path)
            connection.execute("detach rewritten")
        finally:
            connection.close()
        shutil.copymode(path, new)
        with open(new, "rb+") as file:
            # Else a power cut after the rename could leave an empty file.
            os.fsync(file.fileno())
        os.replace(new, path)
        with suppress(FileNotFoundError):
            os.unlink(f"{path}.wal")


def counts_of(connection: Any, database: str) -> list[tuple[str, str, int]]:
    """Return schema, name and number of rows of each table."""
    tables = connection.execute(
        "select schema_name, table_name from duckdb_tables() where database_name = ? order by 1, 2", [database]
    ).fetchall()
    return [
        (
            schema,
            table,
            count(
                connection.execute(
                    f"select count(*) from {quoted(database)}.{quoted(schema)}.{quoted(table)}"
                ).fetchone()
            ),
        )
        for schema, table in tables
    ]
