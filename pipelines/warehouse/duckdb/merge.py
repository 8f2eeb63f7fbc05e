"""DuckDB without a staging copy: files of rows go straight into their table.

dlt itself writes every row twice, first into a staging table. A parquet file can be read twice instead, once for its
keys. Each write is one transaction, so a retry or a killed run changes nothing.
"""

from typing import Any

import dlt
import duckdb
from dlt.common.destination.client import LoadJob
from dlt.destinations.exceptions import DatabaseTransientException
from dlt.destinations.impl.duckdb.duck import DuckDbClient

from pipelines.common.allocator import give_memory_back
from pipelines.warehouse.dlt_internals import DEDUPLICATED_HINT, Unstaged
from pipelines.warehouse.session import WithSession

from .dlt_internals import FileJob

MEMORY_FOR_LARGE_ROWS = "4GB"


class DirectDuckDb(WithSession, dlt.destinations.duckdb):
    """dlt's DuckDB destination. Tables that are `deduplicated` are written without staging."""

    @property
    def client_class(self) -> Any:
        """The client that writes without staging."""
        return _DirectClient

    @property
    def destination_type(self) -> str:
        """The name of dlt's own destination."""
        # The name under which dlt keeps it in the pipeline's state, and under which its settings are found.
        return "dlt.destinations.duckdb"


class _DirectClient(Unstaged, DuckDbClient):
    def is_unstaged(self, table: Any) -> bool:
        return bool(table.get(DEDUPLICATED_HINT))

    def own_job(self, table: Any, path: str) -> LoadJob | None:
        return _MergeJob(path) if table.get(DEDUPLICATED_HINT) and path.endswith(".parquet") else None


class _MergeJob(FileJob):
    """Replaces the rows whose keys are in a file, and inserts the others."""

    def run(self) -> None:
        give_memory_back()
        try:
            self._merge()
        except DatabaseTransientException as error:
            if not isinstance(error.dbapi_exception, duckdb.OutOfMemoryException):
                raise
            # Rows of unusual size need more than the limit that is enough for all other loads.
            self.client.execute_sql(f"SET memory_limit = '{MEMORY_FOR_LARGE_ROWS}'")
            self._merge()

    def _merge(self) -> None:
        columns: dict[str, Any] = self.table["columns"]
        names = (name for name, column in columns.items() if column.get("primary_key"))
        key = self.client.escape_column_name(next(names))
        file = self.client.capabilities.escape_literal(self.path)
        with self.client.begin_transaction():
            self.client.execute_sql(
                f"DELETE FROM {self.qualified_table_name} WHERE {key} IN (SELECT {key} FROM read_parquet({file}))"
            )
            super().run()
