"""Puts what tables and columns mean into the database itself, where SQL shells, BI tools and catalogues show it.

The texts are the descriptions in dlt's schema. On BigQuery, Databricks and Snowflake dlt writes them when it makes a
table or column; where it writes none, this module does. It asks the catalogue first and writes only what differs, so
that an hourly run costs one query and a table that was made anew has its comments again.
"""

from typing import Any

import dlt
from dlt.common import logger
from dlt.common.schema.utils import is_complete_column
from dlt.destinations.exceptions import DatabaseException
from dlt.destinations.sql_client import SqlClientBase

# Table, column (empty for the table itself) and comment of all that a dataset holds.
_DUCKDB = """
select table_name, '', comment from duckdb_tables()
where database_name = current_database() and schema_name = %s
union all
select table_name, column_name, comment from duckdb_columns()
where database_name = current_database() and schema_name = %s and not internal
"""
_POSTGRES = """
select c.relname, coalesce(a.attname, ''), d.description
from pg_catalog.pg_class c
join pg_catalog.pg_namespace n on n.oid = c.relnamespace
join (
    select attrelid, attnum, attname from pg_catalog.pg_attribute where attnum > 0 and not attisdropped
    union all
    select oid, 0, null from pg_catalog.pg_class where relkind in ('r', 'p')
) a on a.attrelid = c.oid
left join pg_catalog.pg_description d
    on d.objoid = c.oid and d.objsubid = a.attnum and d.classoid = 'pg_catalog.pg_class'::regclass
where c.relkind in ('r', 'p') and n.nspname in (%s, %s)
"""
_CATALOGUES = {"duckdb": _DUCKDB, "motherduck": _DUCKDB, "ducklake": _DUCKDB, "postgres": _POSTGRES}

Comments = dict[tuple[str, str], str | None]


def write_comments(pipeline: dlt.Pipeline) -> int:
    """Writes the comments of a pipeline's dataset that are missing or differ; returns their number.

    A database that refuses says so in the log: comments are no reason to end a run.
    """
    if not pipeline.default_schema_name:
        return 0
    with pipeline.sql_client() as client:
        return comment_tables(client, pipeline.destination.destination_type, pipeline.default_schema)


def comment_tables(client: SqlClientBase[Any], destination_type: str, schema: dlt.Schema) -> int:
    """Writes the comments of the tables of one schema that are missing or differ; returns their number."""
    catalogue = _CATALOGUES.get(destination_type.rpartition(".")[2])
    if catalogue is None:
        return 0
    try:
        rows = client.execute_sql(catalogue, client.dataset_name, client.dataset_name) or []
        there: Comments = {(table, column): comment for table, column, comment in rows}
        statements = [
            _statement(client, *place, text)
            for place, text in described(schema).items()
            if place in there and there[place] != text
        ]
        if statements:
            client.execute_many(statements)
    except DatabaseException as error:
        logger.warning(f"Comments of dataset `{client.dataset_name}` were not written: {error}")
        return 0
    return len(statements)


def described(schema: dlt.Schema) -> dict[tuple[str, str], str]:
    """The descriptions of a schema, by table and column; the column is empty for the table itself."""
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
