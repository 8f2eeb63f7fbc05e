"""The two dlt pipelines on one destination, open for one run at a time."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any, NamedTuple

import dlt
from dlt.common import logger
from dlt.common.destination.exceptions import DestinationException

from audit_source.directory.history_tables import HISTORY_TABLES
from audit_source.directory.new_tables import new_tables
from audit_source.directory.tables import DETAIL_TABLES
from audit_source.schema import TABLES, Table
from pipelines.common.names import ENRICH_NAME, LOAD_NAME, dataset_name

from .dlt_internals import cached_type_hints, synchronise
from .engine import Engine, engine, engine_of
from .load_ids import keep_rising
from .locks import machine_lock
from .renamed_columns import rename_columns
from .restore_tables import declare_new_columns, missing_tables, restore_tables
from .session import closing_session
from .settings import check_data_dir, check_datasets, warn_about_open_secrets

# Memory of an engine inside this process, in addition to Python's. Loads come in portions of limited size, so a load
# needs little, and one thread: the other core decodes the next pages. Models that are built as a whole read the
# complete history.
LOAD_MEMORY, ENRICH_MEMORY = "100MB", "500MB"
# Memory for the second try of an enrichment that ran out of memory.
ENRICH_MEMORY_AGAIN = "4GB"


class Pipelines(NamedTuple):
    """The pipeline that loads the raw dataset, and the one that writes the enriched dataset.

    `database` is the connection that holds a database file open, None for a server. `newest_load` is the largest
    load id (Unix seconds) when they were opened, None if it is unknown.
    """

    raw: dlt.Pipeline
    enriched: dlt.Pipeline
    database: Any = None
    newest_load: float | None = None

    @property
    def engine(self) -> Engine:
        """The engine that both pipelines are on."""
        return engine_of(self.raw)

    def limit_memory(self, amount: str, threads: int | None = None) -> None:
        """Limit an engine inside this process to an amount (`200MB`) and a number of threads."""
        self.engine.limit_memory(self.database, amount, threads)

    def free_memory(self) -> None:
        """Free the memory of an engine inside this process that holds what this run has written."""
        self.engine.free_memory(self.database)

    @property
    def file_format(self) -> Any:
        """The file format of loads, None for the one that dlt prefers."""
        return self.engine.load_format(self.raw.destination)


@contextmanager
def open_pipelines(progress: Any = None, wait_seconds: float | None = None) -> Iterator[Pipelines]:
    """Hold the lock and the database for one run, and yield the two pipelines, synchronised with the destination.

    Local state is dropped first, because only the destination says what is loaded. A package that a killed run left, or
    one that the destination refuses, must not block this run.

    Args:
        progress (Progress): Shows the progress of loads.
        wait_seconds (float): How long to wait for readers of a database file; by default `wait_for_readers_seconds`.

    Raises:
        PipelineError: Another run or a reader is in the way, or the destination is not usable.
    """
    configured = engine()
    configured.check_settings()
    warn_about_open_secrets()
    check_datasets()
    check_data_dir()
    with ExitStack() as stack:
        stack.enter_context(cached_type_hints())
        stack.enter_context(machine_lock(LOAD_NAME))
        database = stack.enter_context(configured.opened_for_writing(wait_seconds))
        destination = configured.destination(database)
        stack.enter_context(closing_session(destination))
        raw, enriched = _pipeline(LOAD_NAME, destination, progress), _pipeline(ENRICH_NAME, destination, None)
        used = engine_of(raw)
        stack.enter_context(used.lock(raw, raw.dataset_name, enriched.dataset_name))
        stack.enter_context(used.explained(raw))
        synchronise(raw, new_tables.name)
        synchronise(enriched)
        newest_load = keep_rising(raw, enriched)
        rename_columns(raw, TABLES)
        declare_new_columns(raw, TABLES)
        _create_new_tables(raw)
        _restore_missing(raw)
        yield Pipelines(raw, enriched, database, newest_load)
        _keep_house(used, raw)


def _keep_house(used: Engine, raw: dlt.Pipeline) -> None:
    """Let the engine clean up. The run is complete, so a failure must not fail it."""
    if raw.default_schema_name:
        try:
            used.keep_house(raw)
        except DestinationException as error:
            logger.warning(f"Old versions of tables were not removed: {error}")


def _create_new_tables(raw: dlt.Pipeline) -> None:
    """Create the tables that a newer version of this program added: an enrichment may read them before any load."""
    if raw.default_schema_name:
        schema = raw.default_schema
        names = [table.name for table in (*DETAIL_TABLES, *HISTORY_TABLES) if not _is_complete(schema, table)]
        if names:
            raw.run(new_tables(names))


def _is_complete(schema: dlt.Schema, table: Table) -> bool:
    return (
        table.name in schema.tables
        and {one.name for one in table.columns} <= schema.get_table_columns(table.name).keys()
    )


def _restore_missing(raw: dlt.Pipeline) -> None:
    missing = missing_tables(raw)
    if missing:
        restore_tables(raw, missing)
        names = ", ".join(f"`{name}`" for name in missing)
        logger.warning(
            f"Somebody dropped {names}, or columns of it. They were created again, empty. "
            "`load --since` loads again what Anaplan still keeps."
        )


def _pipeline(name: str, destination: Any, progress: Any) -> dlt.Pipeline:
    pipeline = dlt.pipeline(name, destination=destination, dataset_name=dataset_name(name), progress=progress)
    return pipeline.drop()
