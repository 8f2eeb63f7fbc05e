"""Reads the destination beside the pipeline: no lock of a run is taken, no local state, and nothing is written."""

import os
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import dlt
import sqlglot
from dlt.common.destination.exceptions import DestinationUndefinedEntity
from dlt.destinations.exceptions import DatabaseUndefinedRelation
from dlt.destinations.sql_client import SqlClientBase
from sqlglot import exp

from pipelines.common.duckdb_errors import holder, is_held, unusable
from pipelines.common.exit_codes import CONFIGURATION, LOCKED, PipelineError
from pipelines.common.names import DIALECT, ENRICH_NAME, LOAD_NAME, database_path, dataset_name, destination_type

from .pipelines import (
    check_data_dir,
    check_database_name,
    check_datasets,
    make_destination,
    warn_about_open_secrets,
)
from .sql_fixes import for_dialect

RAW, ENRICHED = LOAD_NAME, ENRICH_NAME
# Seconds between two tries to open a DuckDB file that a run holds.
TRY_EVERY_SECONDS = 0.2


def no_tables() -> PipelineError:
    """Return the error of a command that needs what a load makes."""
    return PipelineError(CONFIGURATION, "there are no tables yet: load first (python -m pipelines.audit run).")


def check_database_exists() -> None:
    """Refuse a DuckDB file that does not exist, where only a load may make one.

    Raises:
        PipelineError: There is no such file.
    """
    if destination_type() == "duckdb" and not os.path.exists(database_path()):
        raise no_tables()


class Reader:
    """Queries the raw and the enriched dataset."""

    def __init__(self, destination: Any, held: ExitStack, *, with_tables: bool = True) -> None:
        self._tables = {
            name: _tables(dlt.dataset(destination, dataset_name(name))) if with_tables else []
            for name in (RAW, ENRICHED)
        }
        schema = dlt.Schema("reading")
        self._clients: dict[str, SqlClientBase[Any]] = {
            name: dlt.dataset(destination, dataset_name(name), schema=schema).sql_client for name in self._tables
        }
        # The others give names only: a DuckLake whose catalogue is a DuckDB file lets one connection in.
        self._open: SqlClientBase[Any] = held.enter_context(self._clients[RAW])  # type: ignore[arg-type]

    def tables(self, dataset: str) -> list[str]:
        """Returns the tables of `RAW` or `ENRICHED`, as dlt recorded them; none where nothing was ever loaded."""
        return self._tables[dataset]

    def rows(self, dataset: str, query: str) -> list[dict[str, Any]]:
        """Returns the rows of a query in DuckDB's SQL over tables of one dataset; none where a table is missing."""
        try:
            with self._open.execute_query(self._translated(self._clients[dataset], query)) as cursor:
                names = [column[0].lower() for column in cursor.description]
                return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
        except DatabaseUndefinedRelation:
            return []

    def tuples(self, dataset: str, query: str) -> list[tuple[Any, ...]] | None:
        """Returns the rows of such a query, whose columns need no names; None where a table is missing."""
        try:
            with self._open.execute_query(self._translated(self._clients[dataset], query)) as cursor:
                return [tuple(row) for row in cursor.fetchall()]
        except DatabaseUndefinedRelation:
            return None

    def frame(self, dataset: str, query: str) -> Any:
        """Returns the rows of such a query as a pandas frame; None where a table is missing."""
        try:
            with self._open.execute_query(self._translated(self._clients[dataset], query)) as cursor:
                return cursor.df()
        except DatabaseUndefinedRelation:
            return None

    def row_counts(self, dataset: str, tables: list[str]) -> dict[str, int]:
        """Returns the number of rows of each table that exists, by one statement where all of them do."""
        counts = [f"select '{name}' as name, count(*) as number from {name}" for name in tables]
        rows = self.rows(dataset, " union all ".join(counts)) if counts else []
        rows = rows or [row for count in counts for row in self.rows(dataset, count)]
        return {row["name"]: int(row["number"]) for row in rows}

    def _translated(self, client: SqlClientBase[Any], query: str) -> str:
        dialect = str(client.capabilities.sqlglot_dialect)
        parsed = sqlglot.parse_one(query, dialect=DIALECT)
        assert isinstance(parsed, exp.Query), query
        parsed = for_dialect(parsed, dialect)
        for table in parsed.find_all(exp.Table):
            path = client.make_qualified_table_name_path(table.name, False)
            parts = [exp.to_identifier(part, quoted=True) for part in path]
            name = exp.Table(this=parts[-1], db=parts[-2] if parts[1:] else None)
            name.set("catalog", parts[-3] if parts[2:] else None)
            table.replace(exp.alias_(name, table.alias or table.name, table=True))
        return parsed.sql(dialect)


def _tables(dataset: dlt.Dataset) -> list[str]:
    try:
        return list(dataset.schema.data_table_names())
    except (DatabaseUndefinedRelation, DestinationUndefinedEntity):
        return []


@contextmanager
def open_reader(wait_seconds: float, *, with_tables: bool = True) -> Iterator[Reader | None]:
    """Opens the destination for reading; gives None where the DuckDB file does not exist yet.

    The list of tables takes a query of its own: a single query is sooner answered without it.

    Raises:
        PipelineError: As `open_destination`.
    """
    with ExitStack() as held:
        destination = held.enter_context(open_destination(wait_seconds))
        yield None if destination is None else Reader(destination, held, with_tables=with_tables)


@contextmanager
def open_destination(wait_seconds: float) -> Iterator[Any]:
    """Gives dlt's destination, of a DuckDB file for reading only; None where the file does not exist yet.

    DuckDB lets no process read while another one writes: a run is waited for, at most `wait_seconds`.

    Raises:
        PipelineError: The file is still held after that (75), or cannot be opened.
    """
    check_datasets()
    if destination_type() != "duckdb":
        # The credentials of the database are read.
        warn_about_open_secrets()
        yield make_destination(None)
        return
    check_data_dir()
    path = database_path()
    check_database_name(path)
    if not os.path.exists(path):
        yield None
        return
    connection = _connect(path, wait_seconds)
    try:
        connection.execute("set TimeZone = 'UTC'")
        yield make_destination(connection)
    finally:
        connection.close()


def _connect(path: str, wait_seconds: float) -> Any:
    import duckdb

    give_up_at = time.monotonic() + wait_seconds
    while True:
        try:
            return duckdb.connect(path, read_only=True)
        except duckdb.Error as error:
            reason = str(error)
        if not is_held(reason):
            raise unusable(path, reason)
        if time.monotonic() >= give_up_at:
            raise PipelineError(
                LOCKED,
                f"database file `{path}` is held by {holder(reason)}, still after {wait_seconds:g} s. Ask again later.",
            )
        time.sleep(TRY_EVERY_SECONDS)
