"""DuckDB as an engine: the file is locked by the process that writes it, and memory is limited in this process."""

import os
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from datetime import datetime, timezone
from typing import Any

import dlt
from dlt.destinations.sql_client import SqlClientBase
from sqlglot import exp

from pipelines.common.exit_codes import PipelineError
from pipelines.warehouse.dlt_internals import causes, raw_relation
from pipelines.warehouse.engine import Engine
from pipelines.warehouse.settings import check_data_dir
from pipelines.warehouse.table_names import name_two_datasets

from .comments import CATALOGUE
from .errors import damage_found, lacks_column
from .file import SETTING, check_database_name, database_path, open_for_reading, open_for_writing


class DuckDb(Engine):
    """A DuckDB file on this machine."""

    is_file = True
    writes_directly = True
    loads_by_statement = True
    attaches_files = True
    # All parts of a UNION reserve memory at once. 224 checks of many days need more than `ENRICH_MEMORY`.
    checks_per_statement = 20
    materializes_repeated_ctes = True
    has_lease = False
    comment_catalogue = CATALOGUE

    def location(self) -> str:
        return database_path()

    def database_file(self) -> str | None:
        return database_path()

    def files(self) -> list[str]:
        return [database_path(), f"{database_path()}.wal"]

    def exists(self) -> bool:
        return os.path.exists(database_path())

    def file_variable(self) -> str:
        return SETTING.upper().replace(".", "__")

    def dbt_profile(self) -> dict[str, object]:
        return {"type": self.name, "path": "{{ env_var('DBT_DUCKDB_PATH', 'audit_log.duckdb') }}", "threads": 1}

    @contextmanager
    def opened_for_writing(self, wait_seconds: float | None = None) -> Iterator[Any]:
        """Keep the file open for the whole run. dlt opens it many times, and a reader in between would fail a load."""
        path = database_path()
        check_database_name(path)
        is_first_today = not _was_written_today(path)
        connection = open_for_writing(path, wait_seconds)
        try:
            connection.execute("set TimeZone = 'UTC'")
            if not is_first_today:
                # Vacuum once a day: merging the row groups of the current day costs more than an hourly run itself.
                connection.execute("set max_vacuum_tasks = 0")
            connection.execute("set preserve_insertion_order = false")
            # Return the memory that one load has freed to the system before the next load.
            connection.execute("set allocator_background_threads = true")
            yield connection
        finally:
            connection.close()

    @contextmanager
    def opened_for_reading(self, wait_seconds: float) -> Iterator[Any]:
        check_data_dir()
        path = database_path()
        check_database_name(path)
        if not os.path.exists(path):
            yield None
            return
        connection = open_for_reading(path, wait_seconds)
        try:
            connection.execute("set TimeZone = 'UTC'")
            yield self.destination(connection)
        finally:
            connection.close()

    def destination(self, database: Any = None) -> Any:
        from .merge import DirectDuckDb

        return DirectDuckDb(database, **self.destination_options())

    def lock(self, pipeline: dlt.Pipeline, *datasets: str) -> AbstractContextManager[None]:
        # `opened_for_writing` holds the file, which no other process can open.
        return nullcontext()

    def limit_memory(self, database: Any, amount: str, threads: int | None = None) -> None:
        if database is not None:
            database.execute(f"set memory_limit = '{amount}'")
            database.execute("reset threads" if threads is None else f"set threads = {threads}")

    def free_memory(self, database: Any) -> None:
        # Until a checkpoint, a block of memory belongs to each column that was written: some 400 MB after an hour.
        if database is not None:
            database.execute("checkpoint")

    def compact(self, database: Any, raw: dlt.Pipeline) -> None:
        # Deleted rows leave the file only with a vacuum, which `opened_for_writing` may have switched off.
        if database is not None:
            database.execute("reset max_vacuum_tasks")
            database.execute("checkpoint")

    def relation(self, dataset: dlt.Dataset, query: exp.Query, other: dlt.Dataset | None = None) -> dlt.Relation:
        name_two_datasets(query, dataset, other)
        return raw_relation(dataset, query)

    def write_comments(self, client: SqlClientBase[Any], statements: list[str]) -> None:
        # Otherwise each of some hundred comments is a transaction of its own, which waits for the disk.
        super().write_comments(client, ["BEGIN TRANSACTION", *statements, "COMMIT"])

    def is_out_of_memory(self, error: BaseException) -> bool:
        import duckdb

        return any(isinstance(cause, duckdb.OutOfMemoryException) for cause in causes(error))

    def lacks_column(self, error: BaseException) -> bool:
        return lacks_column(causes(error))

    def explanation_of(self, error: BaseException, raw: dlt.Pipeline | None = None) -> PipelineError | None:
        return damage_found(causes(error), database_path())


def _was_written_today(path: str) -> bool:
    """Whether a run of this day (UTC) has written the file. Without a file there is nothing to vacuum: true."""
    if not os.path.exists(path):
        return True
    written = datetime.fromtimestamp(os.path.getmtime(path), timezone.utc)
    return written.date() == datetime.now(timezone.utc).date()
