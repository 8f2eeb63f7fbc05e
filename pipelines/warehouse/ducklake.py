"""DuckLake: DuckDB's SQL over files and a catalogue."""

from contextlib import AbstractContextManager
from typing import Any

import dlt
from dlt.destinations.sql_client import SqlClientBase
from sqlglot import exp

from .dlt_internals import causes
from .duckdb.comments import CATALOGUE
from .duckdb.errors import lacks_column
from .engine import Engine
from .locks import file_lock

_FILES = ("duckdb", "sqlite")
_SERVERS_WITH_A_CLOCK = ("postgres", "postgresql")


class DuckLake(Engine):
    """A DuckLake."""

    comment_catalogue = CATALOGUE
    materializes_repeated_ctes = True

    def destination(self, database: Any = None) -> Any:
        # Imported here: reading a setting must not import the driver.
        from .ducklake_destination import OneInstance

        return OneInstance(**self.destination_options())

    def keep_house(self, raw: dlt.Pipeline) -> None:
        from .ducklake_destination import remove_old_snapshots

        with raw.sql_client() as client:
            remove_old_snapshots(client)

    def compact(self, database: Any, raw: dlt.Pipeline) -> None:
        from .ducklake_destination import remove_all_but_the_present

        with raw.sql_client() as client:
            remove_all_but_the_present(client)

    def lock(self, pipeline: dlt.Pipeline, *datasets: str) -> AbstractContextManager[None]:
        """Lock a catalogue that is a file, else take a lease.

        A catalogue in a DuckDB file accepts one connection, and in SQLite a commit fails if another process has written
        meanwhile. So a lease in such a catalogue could not be renewed during a run, and would disturb it.
        """
        catalogue = _catalogue(pipeline.sql_client())
        if catalogue.drivername in _FILES:
            return file_lock(f"{catalogue.database}.lock")
        return super().lock(pipeline, *datasets)

    def current_moment(self, client: SqlClientBase[Any]) -> exp.Expr:
        """Ask the server of the catalogue: statements run in this process, with the clock of this machine."""
        catalogue = _catalogue(client)
        if catalogue.drivername not in _SERVERS_WITH_A_CLOCK:
            return super().current_moment(client)
        database = exp.Literal.string(f"__ducklake_metadata_{_credentials(client).ducklake_name}")
        function = exp.func("postgres_query", database, exp.Literal.string("select current_timestamp"))
        return exp.select("*").from_(exp.Table(this=function)).subquery()

    def lacks_column(self, error: BaseException) -> bool:
        return lacks_column(causes(error))

    def write_comments(self, client: SqlClientBase[Any], statements: list[str]) -> None:
        # Each transaction is a snapshot with its own files. One for all comments takes a fifteenth of the time.
        with client.begin_transaction():
            super().write_comments(client, statements)


def _catalogue(client: Any) -> Any:
    return _credentials(client).catalog


def _credentials(client: Any) -> Any:
    return client.credentials


ENGINE = DuckLake
