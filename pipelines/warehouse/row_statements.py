"""Statements that write single rows: a dlt load of one row takes half a second."""

from typing import Any, NamedTuple

from dlt.destinations.sql_client import SqlClientBase

from .engine import Engine

ROWS_PER_STATEMENT = 400


class Statement(NamedTuple):
    """A statement with `%s` for each value."""

    sql: str
    values: list[Any]


def insert_statements(client: SqlClientBase[Any], table: str, rows: list[dict[str, Any]]) -> list[Statement]:
    """Return the statements that append rows, which all have the same columns."""
    batches = [rows[start : start + ROWS_PER_STATEMENT] for start in range(0, len(rows), ROWS_PER_STATEMENT)]
    return [_insert(client, table, batch) for batch in batches]


def _insert(client: SqlClientBase[Any], table: str, rows: list[dict[str, Any]]) -> Statement:
    columns = ", ".join(map(client.escape_column_name, rows[0]))
    places = ", ".join("(" + ", ".join(map(_place, row.values())) + ")" for row in rows)
    values = [value for row in rows for value in row.values() if value is not None]
    return Statement(f"INSERT INTO {client.make_qualified_table_name(table)} ({columns}) VALUES {places}", values)


def update_statement(
    client: SqlClientBase[Any], engine: Engine, table: str, key: str, row: dict[str, Any]
) -> Statement:
    """Return the statement that sets the columns of the row whose `key` equals that of `row`."""
    rest = [name for name in row if name != key]
    changes = ", ".join(f"{client.escape_column_name(name)} = {_place(row[name])}" for name in rest)
    condition = f"{client.escape_column_name(key)} = %s"
    values = [*(row[name] for name in rest if row[name] is not None), row[key]]
    return Statement(engine.update_statement(client.make_qualified_table_name(table), changes, condition), values)


def _place(value: Any) -> str:
    """Return the place of a value in a statement. BigQuery refuses NULL as a parameter."""
    return "NULL" if value is None else "%s"
