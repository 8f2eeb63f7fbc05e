"""Reads the destination beside a running pipeline: takes no lock of a run, keeps no local state, writes nothing."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import dlt
import sqlglot
from dlt.common.destination.exceptions import DestinationUndefinedEntity
from dlt.destinations.exceptions import DatabaseTerminalException, DatabaseUndefinedRelation
from dlt.destinations.sql_client import SqlClientBase
from sqlglot import exp

from pipelines.common.exit_codes import CONFIGURATION, PipelineError
from pipelines.common.names import DIALECT, ENRICH_NAME, LOAD_NAME, command_line, dataset_name

from .engine import engine, engine_of
from .session import closing_session
from .settings import check_datasets
from .sql_fixes import for_dialect

RAW, ENRICHED = LOAD_NAME, ENRICH_NAME


def no_tables() -> PipelineError:
    """Return the error of a command that needs the tables of a load."""
    return PipelineError(CONFIGURATION, f"there are no tables yet: load first ({command_line('run')}).")


def check_database_exists() -> None:
    """Refuse a missing database file for commands that must not create one.

    Raises:
        PipelineError: There is no such file.
    """
    if not engine().exists():
        raise no_tables()


class Reader:
    """Queries the raw and the enriched dataset."""

    def __init__(self, destination: Any, stack: ExitStack, *, with_tables: bool = True) -> None:
        self._tables = {
            name: _tables(dlt.dataset(destination, dataset_name(name))) if with_tables else []
            for name in (RAW, ENRICHED)
        }
        schema = dlt.Schema("reading")
        datasets = {name: dlt.dataset(destination, dataset_name(name), schema=schema) for name in self._tables}
        self._engine = engine_of(datasets[RAW])
        self._clients: dict[str, SqlClientBase[Any]] = {name: one.sql_client for name, one in datasets.items()}
        # The other client gives names only: a DuckLake whose catalogue is a DuckDB file accepts one connection.
        self._open: SqlClientBase[Any] = stack.enter_context(self._clients[RAW])  # type: ignore[arg-type]

    def tables(self, dataset: str) -> list[str]:
        """Return the tables of `RAW` or `ENRICHED` as dlt recorded them; none if nothing was ever loaded."""
        return self._tables[dataset]

    def rows(self, dataset: str, query: str) -> list[dict[str, Any]]:
        """Return the rows of a query in DuckDB's SQL over tables of one dataset; none if a table is missing."""
        try:
            with self._cursor(dataset, query) as cursor:
                names = [column[0].lower() for column in cursor.description]
                return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
        except DatabaseUndefinedRelation:
            return []

    def tuples(self, dataset: str, query: str) -> list[tuple[Any, ...]] | None:
        """Return the rows of such a query without column names; None if a table is missing."""
        try:
            with self._cursor(dataset, query) as cursor:
                return [tuple(row) for row in cursor.fetchall()]
        except DatabaseUndefinedRelation:
            return None

    def frame(self, dataset: str, query: str) -> Any:
        """Return the rows of such a query as a pandas frame; None if a table is missing."""
        try:
            with self._cursor(dataset, query) as cursor:
                return cursor.df()
        except DatabaseUndefinedRelation:
            return None

    def chunks(self, dataset: str, query: str, rows: int) -> Iterator[Any]:
        """Yield the rows of such a query as Arrow tables of about `rows` rows; times in the zone of the session."""
        with self._cursor(dataset, query) as cursor:
            yield from cursor.iter_arrow(rows)

    def row_counts(self, dataset: str, tables: list[str]) -> dict[str, int]:
        """Return the number of rows of each table that exists, with one statement if all of them do."""
        counts = [f"select '{name}' as name, count(*) as number from {name}" for name in tables]
        rows = self.rows(dataset, " union all ".join(counts)) if counts else []
        rows = rows or [row for count in counts for row in self.rows(dataset, count)]
        return {row["name"]: int(row["number"]) for row in rows}

    @contextmanager
    def _cursor(self, dataset: str, query: str) -> Iterator[Any]:
        statement = self._translated(self._clients[dataset], query)
        try:
            with self._engine.explained(), self._open.execute_query(statement) as cursor:
                yield cursor
        except DatabaseTerminalException as error:
            if not self._engine.lacks_column(error):
                raise
            raise PipelineError(
                CONFIGURATION,
                "the tables are those of an earlier version and lack a column that this command reads. Bring them up "
                f"to date first: {command_line('run')}.",
            ) from error

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
    """Open the destination for reading; give None if the database file does not exist yet.

    The list of tables needs its own query. Skip it for a single query that must be fast.

    Raises:
        PipelineError: As `open_destination`.
    """
    with ExitStack() as stack:
        destination = stack.enter_context(open_destination(wait_seconds))
        yield None if destination is None else Reader(destination, stack, with_tables=with_tables)


@contextmanager
def open_destination(wait_seconds: float) -> Iterator[Any]:
    """Give dlt's destination, for a database file read-only; None if the file does not exist yet.

    A run that has the database file open is waited for, at most `wait_seconds`.

    Raises:
        PipelineError: The file is still open after that (75), or it cannot be opened.
    """
    configured = engine()
    configured.check_settings()
    check_datasets()
    with (
        configured.opened_for_reading(wait_seconds) as destination,
        closing_session(destination),
        configured.explained(),
    ):
        yield destination
