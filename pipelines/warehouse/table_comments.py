"""Writes the meaning of tables and columns into the database, where SQL shells, BI tools and catalogues show it.

The texts are the descriptions in dlt's schema. On BigQuery, Databricks and Snowflake, dlt writes them when it creates a
table or column. On engines with a `comment_catalogue`, this module reads the catalogue and writes only differences. A
run does so if it stored a schema or created a table: a table that was created again gets its comments back.
"""

from typing import Any

import dlt
from dlt.common import logger
from dlt.common.schema.utils import is_complete_column
from dlt.destinations.exceptions import DatabaseException
from dlt.destinations.sql_client import SqlClientBase

from .engine import Engine, engine_of
from .session import WithSession

Comments = dict[tuple[str, str], str | None]


def write_comments(pipeline: dlt.Pipeline) -> int:
    """Write the comments of a pipeline's dataset that are missing or differ; return their number.

    If the database refuses, this logs a warning: missing comments must not fail a run.
    """
    if not pipeline.default_schema_name:
        return 0
    with pipeline.sql_client() as client:
        return comment_tables(client, engine_of(pipeline), pipeline.default_schema)


def write_new_comments(pipeline: dlt.Pipeline) -> int:
    """Write such comments if this run stored a schema, whose hash covers the texts, or created tables."""
    if isinstance(pipeline.destination, WithSession) and not pipeline.destination.session.takes_changes_of(
        pipeline.dataset_name
    ):
        return 0
    return write_comments(pipeline)


def comment_tables(client: SqlClientBase[Any], engine: Engine, schema: dlt.Schema) -> int:
    """Write the comments of one schema's tables that are missing or differ; return their number."""
    if engine.comment_catalogue is None:
        return 0
    try:
        rows = client.execute_sql(engine.comment_catalogue, client.dataset_name, client.dataset_name) or []
        stored: Comments = {(table, column): comment for table, column, comment in rows}
        statements = [
            _statement(client, *place, text)
            for place, text in described(schema).items()
            if place in stored and stored[place] != text
        ]
        if statements:
            engine.write_comments(client, statements)
    except DatabaseException as error:
        logger.warning(f"Comments of dataset `{client.dataset_name}` were not written: {error}")
        return 0
    return len(statements)


def described(schema: dlt.Schema) -> dict[tuple[str, str], str]:
    """Return the descriptions of a schema by table and column; the column is empty for the table itself."""
    found: Comments = {}
    for table in schema.data_tables():
        found[str(table["name"]), ""] = table.get("description")
        for name, column in table["columns"].items():
            if is_complete_column(column):
                found[str(table["name"]), name] = column.get("description")
    return {place: text for place, text in found.items() if text}


def _statement(client: Any, table: str, column: str, text: str) -> str:
    name = client.make_qualified_table_name(table)
    what = f"COLUMN {name}.{client.escape_column_name(column)}" if column else f"TABLE {name}"
    return f"COMMENT ON {what} IS {client.capabilities.escape_literal(text)}"
