"""The scans of the statements that DuckDB executed: which tables, under which filters."""

import json
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any, NamedTuple

import duckdb

_WITH_PLAN = ("SELECT", "WITH", "INSERT", "DELETE", "UPDATE", "FROM")


class Scan(NamedTuple):
    """One scan of a stored table."""

    table: str
    filters: str
    statement: str


def scans_of(connection: Any, work: Callable[[], object]) -> list[Scan]:
    """Do some work on the database of a connection, and return the scans of all its statements."""
    connection.execute("call truncate_duckdb_logs()")
    connection.execute("call enable_logging('QueryLog')")
    try:
        work()
    finally:
        connection.execute("call disable_logging()")
    logged = connection.execute("select message from duckdb_logs where type = 'QueryLog'").fetchall()
    found: list[Scan] = []
    for (statement,) in logged:
        if statement.lstrip().upper().startswith(_WITH_PLAN):
            found += _scans(connection, statement)
    return found


def _scans(connection: Any, statement: str) -> Iterator[Scan]:
    # A table of one run, such as dlt's temporary ones, may be gone. A statement may have parameters.
    with suppress(duckdb.CatalogException, duckdb.InvalidInputException):
        (_, text) = connection.execute(f"explain (format json) {statement}").fetchone()
        rest = list(json.loads(text))
        while rest:
            node = rest.pop()
            rest += node.get("children", [])
            info = node.get("extra_info", {})
            if "Table" in info:
                yield Scan(str(info["Table"]).rpartition(".")[2], str(info.get("Filters", "")), statement)
