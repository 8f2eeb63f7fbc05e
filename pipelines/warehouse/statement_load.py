"""A load that is only statements, for tables whose columns do not change. No file, no staging copy, no dlt package.

A dlt run works on the schema of all tables, while an hourly run writes the same columns as the hour before. Rows get a
load id, and dlt's tables record load and state, as after a dlt run.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import dlt
from dlt.common.destination.exceptions import DestinationException

from pipelines.common.exit_codes import TableError

from .dlt_internals import new_load_id, new_row_id, state_row
from .engine import engine_of
from .row_statements import insert_statements

_FRESH = '"anaplan_fresh_rows"'


@dataclass(frozen=True)
class Change:
    """Statements that change one table in one transaction. `full_name` is the table as SQL."""

    table: str
    full_name: str
    statements: list[str]


class StatementLoad:
    """Writes rows of one load; `pipeline` says where to, and keeps the state."""

    def __init__(self, pipeline: dlt.Pipeline) -> None:
        self.load_id = new_load_id()
        self._pipeline, self._engine = pipeline, engine_of(pipeline)
        # For names only, never opened: tables can take minutes, and a connection that is idle so long may be dropped.
        self._names = pipeline.sql_client()

    def replaced(self, table: str, columns: Sequence[str], query: str, condition: str | None) -> Change:
        """Return the change that replaces rows by those of a query: all, or those that meet a condition."""
        name = self._name(table)
        return Change(
            table, name, [f"DELETE FROM {name} WHERE {condition or 'true'}", self._insert(name, columns, query)]
        )

    def merged(self, table: str, columns: Sequence[str], query: str, key: Sequence[str]) -> Change:
        """Return the change that replaces the rows whose keys a query returns, and adds the others.

        The query may read the table itself.
        """
        name = self._name(table)
        same = " AND ".join(f"stored.{one} = fresh.{one}" for one in self._escaped(key))
        statements = [
            f"CREATE TEMPORARY TABLE {_FRESH} AS {query}",
            f"DELETE FROM {name} AS stored WHERE EXISTS (SELECT 1 FROM {_FRESH} AS fresh WHERE {same})",
            self._insert(name, columns, f"SELECT {', '.join(self._escaped(columns))} FROM {_FRESH}"),
            f"DROP TABLE {_FRESH}",
        ]
        return Change(table, name, statements)

    def apply(self, changes: Sequence[Change], begin: Callable[[str], None] = lambda table: None) -> None:
        """Apply changes of different tables, which read none of each other's results. `begin` is told each table.

        Raises:
            TableError: The destination refused one.
        """
        if self._engine.parallel_statements == 1:
            # In this thread, where a signal ends a long statement.
            for change in changes:
                self._apply(change, begin)
            return
        with ThreadPoolExecutor(self._engine.parallel_statements) as pool:
            # Gives back the error of the first that failed, after all have ended.
            list(pool.map(lambda change: self._apply(change, begin), changes))

    def append(self, table: str, rows: list[dict[str, Any]]) -> None:
        """Append rows, which all have the same columns."""
        self._append(table, [{**row, "_dlt_load_id": self.load_id, "_dlt_id": new_row_id()} for row in rows])

    def keep_state(self, source: str, state: dict[str, Any]) -> None:
        """Record the state of a source. It counts once the load is complete."""
        row = state_row(self._pipeline, source, state, self.load_id)
        self._append(self._pipeline.default_schema.state_table_name, [row])

    def _append(self, table: str, rows: list[dict[str, Any]]) -> None:
        with self._pipeline.sql_client() as client:
            for statement in insert_statements(client, table, rows):
                client.execute_sql(statement.sql, *statement.values)

    def _apply(self, change: Change, begin: Callable[[str], None]) -> None:
        begin(change.table)
        with self._pipeline.sql_client() as client:
            try:
                self._engine.execute_together(client, change.full_name, change.statements)
            except DestinationException as error:
                raise TableError(change.table, error) from error

    def _insert(self, name: str, columns: Sequence[str], query: str) -> str:
        names = ", ".join(self._escaped(columns))
        load = self._names.escape_column_name("_dlt_load_id")
        return f"INSERT INTO {name} ({names}, {load}) SELECT {names}, '{self.load_id}' FROM ({query}) AS of_load"

    def _name(self, table: str) -> str:
        return str(self._names.make_qualified_table_name(table))

    def _escaped(self, columns: Sequence[str]) -> list[str]:
        return [self._names.escape_column_name(one) for one in columns]


@contextmanager
def statement_load(pipeline: dlt.Pipeline) -> Iterator[StatementLoad]:
    """Yield a new load, and record it if nothing failed."""
    load = StatementLoad(pipeline)
    yield load
    with pipeline.destination_client() as client:
        client.complete_load(load.load_id)


def has_columns(stored: Mapping[str, Any], columns: Mapping[str, str]) -> bool:
    """Whether the stored columns of a table, as dlt's schema has them, are exactly these, beside those of dlt."""
    own = {name: one.get("data_type") for name, one in stored.items() if not name.startswith("_dlt")}
    return "_dlt_load_id" in stored and own == columns


def stored_tables(pipeline: dlt.Pipeline) -> dict[str, Mapping[str, Any]]:
    """Return the columns of all tables that loads have created, as dlt's schema has them."""
    tables: Mapping[str, Any] = pipeline.default_schema.tables if pipeline.default_schema_name else {}
    return {name: table["columns"] for name, table in tables.items()}
