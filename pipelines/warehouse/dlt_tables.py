"""The tables in which dlt keeps its loads, states and schemas."""

from typing import Any

import dlt
from dlt.destinations.sql_client import SqlClientBase

from .session import WithSession


class DltTables:
    """The tables that dlt keeps in the dataset of a pipeline, with names and columns as the destination has them."""

    def __init__(self, pipeline: dlt.Pipeline, client: SqlClientBase[Any]) -> None:
        self._client, self._schema = client, pipeline.default_schema
        self.loads, self.states, self.versions = (
            client.make_qualified_table_name(name)
            for name in (
                self._schema.loads_table_name,
                self._schema.state_table_name,
                self._schema.version_table_name,
            )
        )

    def column(self, name: str) -> str:
        """Return the name of a column in a statement."""
        return self._client.escape_column_name(self._schema.naming.normalize_identifier(name))

    def rows(self, sql: str, *values: Any) -> list[tuple[Any, ...]]:
        """Return the rows of a query."""
        return [tuple(row) for row in self._client.execute_sql(sql, *values) or []]

    def delete(self, table: str, column: str, before: float, kept: set[str]) -> None:
        """Delete the rows of loads that began before a moment (Unix seconds), except for some loads."""
        name = self.column(column)
        exceptions = f" AND {name} NOT IN ({', '.join(['%s'] * len(kept))})" if kept else ""
        # Load ids are texts of Unix seconds, which have ten digits until the year 2286.
        self._client.execute_sql(f"DELETE FROM {table} WHERE {name} < %s{exceptions}", f"{before:.6f}", *sorted(kept))


def forget_old_schemas(pipeline: dlt.Pipeline) -> None:
    """Delete all schemas but the current one: dlt keeps every version, and every new set of days makes one."""
    schema, current = pipeline.default_schema, pipeline.default_schema.stored_version_hash
    with pipeline.sql_client() as client:
        tables = DltTables(pipeline, client)
        name, version = tables.column("schema_name"), tables.column("version_hash")
        # Without any schema, the next run would build every table again.
        client.execute_sql(
            f"DELETE FROM {tables.versions} WHERE {name} = %s AND {version} <> %s"
            f" AND %s IN (SELECT {version} FROM {tables.versions})",
            *(schema.name, current, current),
        )
    if isinstance(pipeline.destination, WithSession):
        # A schema that is remembered as stored would not be stored again.
        pipeline.destination.session.forget_schemas_but(pipeline.dataset_name, current)
