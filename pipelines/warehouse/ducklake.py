"""DuckLake: DuckDB's SQL over files and a catalogue."""

from typing import Any

import dlt
from dlt.destinations.sql_client import SqlClientBase

from .dlt_internals import causes
from .duckdb.comments import CATALOGUE
from .duckdb.errors import lacks_column
from .engine import Engine


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

    def lacks_column(self, error: BaseException) -> bool:
        return lacks_column(causes(error))

    def write_comments(self, client: SqlClientBase[Any], statements: list[str]) -> None:
        # Each transaction is a snapshot with its own files. One for all comments takes a fifteenth of the time.
        with client.begin_transaction():
            super().write_comments(client, statements)


ENGINE = DuckLake
