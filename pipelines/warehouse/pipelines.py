"""Where the data goes: the two dlt pipelines on one destination, for one run at a time."""

import os
import stat
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import datetime, timezone
from typing import Any, NamedTuple

import dlt
from dlt.common import logger
from dlt.common.destination import Destination
from dlt.common.destination.exceptions import UnknownDestinationModule
from dlt.common.runtime.run_context import active as active_run_context

from audit_source.schema import TABLES
from pipelines.common.exit_codes import CONFIGURATION, PipelineError
from pipelines.common.names import ENRICH_NAME, LOAD_NAME, database_path, dataset_name, destination_type
from pipelines.warehouse.duckdb.file import open_for_writing

from .load_ids import keep_rising
from .locks import machine_lock, warehouse_lock
from .postgres_locks import limit_waiting, naming_holder
from .restore_tables import declare_new_columns, lacking_tables, restore_tables

# What DuckDB may take beside the Python process. A load comes in portions, so it needs little whatever the volume,
# and one thread of it, since the other core decodes the next pages; the models that are built as a whole read all of
# history.
LOAD_MEMORY, ENRICH_MEMORY = "100MB", "500MB"
# What a model gets that fails for want of memory.
ENRICH_MEMORY_AGAIN = "4GB"
_warned_about_secrets: set[str] = set()


class Pipelines(NamedTuple):
    """The pipeline that loads the raw dataset, and the one that writes the enriched dataset beside it."""

    raw: dlt.Pipeline
    enriched: dlt.Pipeline
    database: Any = None

    def limit_memory(self, amount: str, threads: int | None = None) -> None:
        """Keeps DuckDB to an amount (`200MB`) and a number of threads; a warehouse looks after itself."""
        if self.database is not None:
            self.database.execute(f"set memory_limit = '{amount}'")
            self.database.execute("reset threads" if threads is None else f"set threads = {threads}")

    @property
    def file_format(self) -> Any:
        """Parquet wherever the destination takes it: Postgres would otherwise get CSV."""
        return load_format(self.raw.destination)


@contextmanager
def open_pipelines(progress: Any = None) -> Iterator[Pipelines]:
    """Holds the lock and the database for one run and gives the two pipelines, in step with the destination.

    Local state is thrown away first: what counts as loaded is what the destination holds, and a package that a
    killed run left behind, or one that the destination refuses, must not stand in the way of this run.

    Raises:
        PipelineError: Another run or a reader is in the way, or the destination is not usable.
    """
    warn_about_open_secrets()
    check_datasets()
    check_data_dir()
    with ExitStack() as held:
        held.enter_context(machine_lock(LOAD_NAME))
        database = held.enter_context(_database(database_path())) if destination_type() == "duckdb" else None
        destination = make_destination(database)
        raw, enriched = _pipeline(LOAD_NAME, destination, progress), _pipeline(ENRICH_NAME, destination, None)
        held.enter_context(warehouse_lock(raw, raw.dataset_name, enriched.dataset_name))
        held.enter_context(naming_holder(raw, enriched))
        for pipeline in (raw, enriched):
            pipeline.sync_destination()
            keep_rising(pipeline)
        declare_new_columns(raw, TABLES)
        lacking = lacking_tables(raw)
        if lacking:
            restore_tables(raw, lacking)
            logger.warning(
                f"Somebody dropped {', '.join(f'`{name}`' for name in lacking)}, or columns of it: made anew, and "
                "empty. `load --since` loads again what Anaplan still keeps."
            )
        yield Pipelines(raw, enriched, database)


def load_format(destination: Any) -> Any:
    """Returns parquet, or None for what dlt prefers there: BigQuery takes no JSON column from parquet."""
    formats = destination.capabilities().supported_loader_file_formats or []
    return "parquet" if "parquet" in formats and not destination.destination_type.endswith(".bigquery") else None


def warn_about_open_secrets() -> None:
    """Warn, once in a process, if other accounts of this machine can read a secrets file that dlt has read."""
    paths = [os.path.join(active_run_context().settings_dir, "secrets.toml")]
    for provider in dlt.config.config_providers:
        if provider.supports_secrets:
            paths += getattr(provider, "present_locations", None) or []
    for path in set(map(os.path.abspath, paths)) - _warned_about_secrets:
        if os.name == "posix" and os.path.exists(path) and os.stat(path).st_mode & (stat.S_IRGRP | stat.S_IROTH):
            _warned_about_secrets.add(path)
            logger.warning(f"Others can read `{path}`. Run `chmod 600 {path}`.")


def _pipeline(name: str, destination: Any, progress: Any) -> dlt.Pipeline:
    pipeline = dlt.pipeline(name, destination=destination, dataset_name=dataset_name(name), progress=progress)
    return pipeline.drop()


def make_destination(database: Any) -> Any:
    """Returns dlt's destination: on an open DuckDB connection, or with None the warehouse that is configured."""
    kind = destination_type()
    # A model that fails must leave the table it would have replaced as it was.
    strategy: dict[str, Any] = {"replace_strategy": "insert-from-staging"}
    if database is not None:
        from pipelines.warehouse.duckdb.merge import MergingDuckDb

        return MergingDuckDb(database, **strategy)
    if kind != "postgres":
        from pipelines.common.start_up import let_in_what_drivers_import

        let_in_what_drivers_import()
    if kind == "postgres":
        strategy["type_mapper"] = _postgres_types()
        # TRUNCATE would wait for every open reader, and every new reader behind it. DELETE waits for none.
        strategy["supports_truncate_command"] = False
        limit_waiting()
    try:
        return Destination.from_reference(kind, **strategy)
    except UnknownDestinationModule:
        raise PipelineError(
            CONFIGURATION, f"setting `destination_type`: dlt knows no destination `{kind}`. See .dlt/config.toml."
        ) from None


def _postgres_types() -> type[Any]:
    """Returns dlt's types, but `json` for JSON whatever a table was made by: rows cannot be copied into `jsonb`."""
    from dlt.destinations.impl.postgres.factory import PostgresTypeMapper

    class Types(PostgresTypeMapper):
        def to_destination_type(self, column: Any, table: Any) -> str:
            return "json" if column["data_type"] == "json" else str(super().to_destination_type(column, table))

    return Types


# Schemas that every DuckDB database has.
DUCKDB_SCHEMAS = ("main", "information_schema", "pg_catalog", "system", "temp")
# Schemas that some destination has. `main` and `public` are the user's own to fill.
SYSTEM_SCHEMAS = {*DUCKDB_SCHEMAS, "sys", "pg_catalog", "pg_toast", "information_schema"} - {"main"}


def check_database_name(path: str) -> None:
    """Refuse names under which DuckDB could not tell the file from a schema, or would keep nothing.

    Raises:
        PipelineError: The name is taken, or no file.
    """
    name = os.path.basename(path)
    stem = os.path.splitext(name)[0].lower()
    datasets = [dataset_name(LOAD_NAME).lower(), dataset_name(ENRICH_NAME).lower()]
    taken = [*datasets, *(f"{one}_staging" for one in datasets), *DUCKDB_SCHEMAS]
    if name.startswith(":"):
        raise PipelineError(
            CONFIGURATION, f"setting `[destination.duckdb] credentials`: `{name}` would keep nothing. Name a file."
        )
    if stem in taken:
        raise PipelineError(
            CONFIGURATION, f"database file `{path}`: `{stem}` is also the name of a schema. Rename the file."
        )


def check_datasets() -> None:
    """Refuse names of datasets that would mix the raw tables, the enriched ones, dlt's staging or the engine's own.

    Raises:
        PipelineError: A `dataset_name` is taken.
    """
    staging = "_staging"
    names = {pipeline: dataset_name(pipeline).lower() for pipeline in (LOAD_NAME, ENRICH_NAME)}
    raw, enriched = names.values()
    for pipeline, name in names.items():
        reason = None
        if raw == enriched:
            reason = "both pipelines have this dataset"
        elif name == f"{enriched if pipeline == LOAD_NAME else raw}{staging}":
            reason = "dlt stages the other pipeline's rows there"
        elif name in SYSTEM_SCHEMAS or name.startswith("pg_"):
            reason = "the database has a schema of its own by this name"
        if reason:
            raise PipelineError(
                CONFIGURATION, f"setting `[pipelines.{pipeline}] dataset_name`: `{name}` is taken: {reason}. Rename it."
            )


def check_data_dir() -> None:
    """Refuse a folder of dlt's whose name dlt's statements cannot hold.

    Raises:
        PipelineError: `DLT_DATA_DIR` holds a quote or a percent sign.
    """
    folder = active_run_context().data_dir
    if any(sign in folder for sign in "'%\n"):
        raise PipelineError(
            CONFIGURATION, f"folder `{folder}` (DLT_DATA_DIR): dlt cannot work in a folder with ' or % in its name."
        )


@contextmanager
def _database(path: str) -> Iterator[Any]:
    """Opens the DuckDB file and keeps it open for the whole run, or a reader slipping in makes the load fail."""
    check_database_name(path)
    is_first_today = not _was_written_today(path)
    connection = open_for_writing(path)
    try:
        connection.execute("set TimeZone = 'UTC'")
        if not is_first_today:
            # Once a day is enough: to join what each hour leaves of the current day is more work than the hour itself.
            connection.execute("set max_vacuum_tasks = 0")
        connection.execute("set preserve_insertion_order = false")
        # What one load has freed goes back to the system before the next.
        connection.execute("set allocator_background_threads = true")
        yield connection
    finally:
        connection.close()


def _was_written_today(path: str) -> bool:
    """Whether a run of this day (UTC) has written the file, or there is none: then there is nothing to be tidied."""
    if not os.path.exists(path):
        return True
    written = datetime.fromtimestamp(os.path.getmtime(path), timezone.utc)
    return written.date() == datetime.now(timezone.utc).date()
