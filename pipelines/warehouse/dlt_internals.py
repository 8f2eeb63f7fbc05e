"""The private and undocumented parts of dlt that this project uses, and texts of its messages.

Each part names the dlt version in which it was seen. `tests/pipelines/warehouse/test_dlt_internals.py` holds a contract
test for each one, which fails when an upgrade of dlt moves it.
"""

import json
import logging
import os
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

import dlt
from dlt.common import validation
from dlt.common.destination.client import FollowupJobRequest, LoadJob, RunnableLoadJob, WithStateSync
from dlt.common.destination.exceptions import DestinationUndefinedEntity
from dlt.common.normalizers.utils import generate_dlt_id
from dlt.common.storages.load_package import ParsedLoadJobFileName, create_load_id
from dlt.common.time import increasing_precise_time
from dlt.common.versioned_state import decompress_state
from dlt.destinations.job_client_impl import SqlJobClientBase, SqlJobClientWithStagingDataset
from dlt.pipeline.state_sync import bump_pipeline_state_version_if_modified, mark_state_extracted, state_doc
from sqlglot import exp

# Table hint that a write disposition with `deduplicated` leaves: no key comes twice in the files of one load. Seen in
# dlt 1.31.
DEDUPLICATED_HINT = "x-stage-data-deduplicated"
# Attributes by which dlt's exceptions carry the error that caused them. Seen in dlt 1.31.
_CAUSES = ("exception", "client_exception", "dbapi_exception")


def keep_load_ids_above(moment: float) -> None:
    """Make the load ids of this process, which are times of its clock, larger than `moment` (Unix seconds).

    Seen in dlt 1.31: `increasing_precise_time` keeps the last moment that it returned in `_last`, under `_lock`.
    """
    with increasing_precise_time._lock:
        increasing_precise_time._last = max(increasing_precise_time._last, moment)


def synchronise(pipeline: dlt.Pipeline, schema_name: str | None = None) -> None:
    """Restore state and schemas from the destination, once.

    Seen in dlt 1.31: `run` does it again unless `_state_restored` is set. Only the state names the schemas to restore,
    and a first load that was killed has stored tables, and the schema `schema_name`, but no state.
    """
    pipeline.sync_destination()
    if schema_name and not pipeline.default_schema_name:
        schema = _stored_schema(pipeline, schema_name)
        if schema is not None:
            pipeline._inject_schema(schema)
    pipeline._state_restored = True


def _stored_schema(pipeline: dlt.Pipeline, name: str) -> dlt.Schema | None:
    """Return the schema that the last load has stored. Seen in dlt 1.31: `WithStateSync.get_stored_schema`."""
    with suppress(DestinationUndefinedEntity), pipeline.destination_client() as client:
        stored = client.get_stored_schema(name) if isinstance(client, WithStateSync) else None
        return None if stored is None else dlt.Schema.from_dict(json.loads(stored.schema))
    return None


def new_load_id() -> str:
    """Return the id of a new load, larger than all before. Seen in dlt 1.31: a package gets its id in the same way."""
    return create_load_id()


def new_row_id() -> str:
    """Return a value for the column `_dlt_id`. Seen in dlt 1.31: rows without a key get random bytes as text."""
    return generate_dlt_id()


def state_row(pipeline: dlt.Pipeline, source: str, values: dict[str, Any], load_id: str) -> dict[str, Any]:
    """Set values in the state of a source; return the row of `_dlt_pipeline_state` by which a load stores the state.

    Seen in dlt 1.31: an extraction numbers and stores the state in the same way, unless its hash is that of the last
    one that was stored.
    """
    with pipeline.managed_state() as state:
        sources: dict[str, Any] = state.setdefault("sources", {})
        sources.setdefault(source, {}).update(values)
        _, version_hash, _ = bump_pipeline_state_version_if_modified(state)
        mark_state_extracted(state, version_hash)
        row = state_doc(state, load_id)
    return {**row, "_dlt_id": new_row_id()}


def read_state(text: str) -> dict[str, Any]:
    """Return the pipeline state from the column `state` of the table `_dlt_pipeline_state`. Seen in dlt 1.31."""
    return dict(decompress_state(text))


def stored_columns(pipeline: dlt.Pipeline, tables: list[str]) -> dict[str, set[str]]:
    """Return the columns that the destination has, by table, as it writes them; none where it has no SQL.

    Seen in dlt 1.31: `SqlJobClientBase.get_storage_tables`.
    """
    with pipeline.destination_client() as client:
        return columns_in(client, tables)


def columns_in(client: Any, tables: list[str]) -> dict[str, set[str]]:
    """Return the columns that the destination of an open client has, by table.

    Seen in dlt 1.31: `SqlJobClientBase.get_storage_tables`. A table that does not exist has none.
    """
    if not isinstance(client, SqlJobClientBase):
        return {}
    return {name: set(columns) for name, columns in client.get_storage_tables(tables)}


def raw_relation(dataset: dlt.Dataset, query: exp.Query) -> dlt.Relation:
    """Return a query with complete table names as a relation that dlt runs as it is.

    Seen in dlt 1.31: `_execute_raw_query` leaves out the search for the type of every column, which a relation makes
    each time it is run.
    """
    return dataset(query, _execute_raw_query=True)


def create_tables(client: Any, tables: list[str] | None = None) -> None:
    """Create the tables and columns of the client's schema that are missing, all or those of `tables`.

    Seen in dlt 1.31: `force` compares with the database itself, not with the schema that dlt has stored there.
    """
    if not client.is_storage_initialized():
        client.initialize_storage()
    if tables is None:
        client.update_stored_schema()
    else:
        client.update_stored_schema(only_tables=tables, force=True)


def load_file(client: Any, table: str, path: str) -> None:
    """Append the rows of a parquet file to a table, with the job by which dlt would load it, outside of any load.

    Seen in dlt 1.31: the loader calls `create_load_job`, `set_run_vars` and `run_managed`, and the name of a file is
    that of its table, an id and the number of tries.

    Raises:
        DestinationException: The destination refused the rows.
    """
    load_id = f"{time.time()}"
    with tempfile.TemporaryDirectory() as folder:
        name = ParsedLoadJobFileName(table, ParsedLoadJobFileName.new_file_id(), 0, "parquet").file_name()
        file = os.path.join(folder, name)
        os.symlink(os.path.abspath(path), file)
        load_table = client.prepare_load_table(table)
        job = client.create_load_job(load_table, file, load_id)
        job.set_run_vars(load_id, client.schema, load_table)
        job.run_managed(client, None)
    if job.exception() is not None:
        raise job.exception()


def keep_schema(pipeline: dlt.Pipeline) -> None:
    """Keep a change of the pipeline's schema on this machine; dlt refuses to use one that was changed and not kept.

    Seen in dlt 1.31: `Pipeline.sync_schema` does it too, but it also creates every table that was never loaded.
    """
    storage: Any = pipeline.schemas
    storage.commit_live_schema(pipeline.default_schema_name)


@contextmanager
def with_each_client(destination: Any, change: Callable[[Any, str], None]) -> Iterator[None]:
    """Call `change` with each client that a destination makes meanwhile, and the name of the client's schema.

    Seen in dlt 1.31: pipelines and datasets get every client from `Destination.client`.
    """
    make = destination.client

    def client(schema: dlt.Schema, *arguments: Any, **named: Any) -> Any:
        made = make(schema, *arguments, **named)
        change(made, schema.name)
        return made

    destination.client = client
    try:
        yield
    finally:
        del destination.client


@contextmanager
def cached_type_hints() -> Iterator[None]:
    """Let dlt evaluate the type hints of each class once meanwhile: a tenth of the time of a run that finds nothing.

    Seen in dlt 1.31: `validate_dict` does so for every dictionary of a schema, by `get_type_hints` of its module.
    """
    module: Any = validation
    original: Any = module.get_type_hints
    known: dict[Any, dict[str, Any]] = {}

    def get_type_hints(spec: Any, globalns: Any = None) -> dict[str, Any]:
        if spec not in known:
            known[spec] = original(spec, globalns=globalns)
        return dict(known[spec])

    module.get_type_hints = get_type_hints
    try:
        yield
    finally:
        module.get_type_hints = original


def causes(error: BaseException) -> Iterator[BaseException]:
    """Yield an error and all errors that caused it, each once. Seen in dlt 1.31: three attributes carry a cause."""
    seen: set[int] = set()
    waiting: list[BaseException | None] = [error]
    while waiting:
        current = waiting.pop(0)
        if isinstance(current, BaseException) and id(current) not in seen:
            seen.add(id(current))
            yield current
            waiting += [getattr(current, name, None) for name in _CAUSES]
            waiting += [current.__cause__, current.__context__]


class Unstaged(SqlJobClientWithStagingDataset):
    """Mixin for a client of dlt: some tables are loaded without a staging copy, and some files by jobs of its own.

    Seen in dlt 1.31: `create_load_job` makes the job of each file, `should_load_data_to_staging_dataset` and the two
    private methods decide about the staging copy.
    """

    def is_unstaged(self, table: Any) -> bool:
        """Whether a table is loaded without staging. Overridden by subclasses."""
        return False

    def own_job(self, table: Any, path: str) -> LoadJob | None:
        """Return the job that loads a file, None for dlt's own. Overridden by subclasses."""
        return None

    def create_load_job(self, table: Any, file_path: str, load_id: str, restore: bool = False) -> LoadJob:
        """Return the job that loads a file."""
        return self.own_job(table, file_path) or super().create_load_job(table, file_path, load_id, restore)

    def should_load_data_to_staging_dataset(self, table_name: str) -> bool:
        """Whether a table is loaded through dlt's staging dataset."""
        is_staged = not self.is_unstaged(self.prepare_load_table(table_name))
        return is_staged and super().should_load_data_to_staging_dataset(table_name)

    def _create_merge_followup_jobs(self, table_chain: Any) -> list[FollowupJobRequest]:
        return [] if self.is_unstaged(table_chain[0]) else super()._create_merge_followup_jobs(table_chain)

    def _create_replace_followup_jobs(self, table_chain: Any) -> list[FollowupJobRequest]:
        return [] if self.is_unstaged(table_chain[0]) else super()._create_replace_followup_jobs(table_chain)


class JobParts(RunnableLoadJob):
    """The parts of a job. Seen in dlt 1.31: the loader sets `_job_client` and `_load_table` before it calls `run`."""

    @property
    def client(self) -> Any:
        """The SQL client of the job."""
        job_client: Any = self._job_client
        return job_client.sql_client

    @property
    def table(self) -> Any:
        """dlt's table with columns and hints."""
        return self._load_table

    @property
    def qualified_table_name(self) -> str:
        """The table as SQL."""
        return str(self.client.make_qualified_table_name(self.load_table_name))


class RepeatedLogs(logging.Filter):
    """Drop log records of dlt that repeat what the last line of a run says, unless --debug is on.

    Seen in dlt 1.31: failed jobs are logged with their traceback by modules below `dlt/load`. Local state of another
    destination is a warning, although this pipeline drops all local state.
    """

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether the record is kept."""
        is_of_job = os.path.join("dlt", "load") in record.pathname or record.exc_info is not None
        is_traceback = "Traceback (most recent call last)" in record.getMessage()
        is_of_old_state = "in state differs from destination" in record.getMessage()
        repeats = is_of_job or is_traceback or is_of_old_state
        return not repeats or logging.getLogger("dlt").isEnabledFor(logging.INFO)


# One object: a log takes the same filter once, however often it is added.
REPEATED = RepeatedLogs()


class StatementCount:
    """A number of statements that grows while it is counted."""

    number = 0


@contextmanager
def counted_statements(pipeline: dlt.Pipeline | None) -> Iterator[StatementCount]:
    """Count the statements that this process sends to the destination of a pipeline; without one, nothing is counted.

    Statements of a driver that dlt does not know of, such as a bulk copy, are not among them. Seen in dlt 1.31: every
    client of a destination sends its statements by `execute_query` of one class.
    """
    count = StatementCount()
    if pipeline is None:
        yield count
        return
    clients: Any = type(pipeline.sql_client())
    original = clients.execute_query

    @contextmanager
    def counting(self: Any, *args: Any, **kwargs: Any) -> Iterator[Any]:
        count.number += 1
        with original(self, *args, **kwargs) as cursor:
            yield cursor

    clients.execute_query = counting
    try:
        yield count
    finally:
        clients.execute_query = original
