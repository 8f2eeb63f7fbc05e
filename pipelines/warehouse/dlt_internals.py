"""The private and undocumented parts of dlt that this project uses, and texts of its messages.

Each part names the dlt version in which it was seen. `tests/pipelines/warehouse/test_dlt_internals.py` holds a contract
test for each one, which fails when an upgrade of dlt moves it.
"""

import logging
import os
from collections.abc import Iterator
from typing import Any

import dlt
from dlt.common.time import increasing_precise_time
from dlt.common.versioned_state import decompress_state
from dlt.destinations.job_client_impl import SqlJobClientBase
from sqlglot import exp

# Table hint that a write disposition with `deduplicated` leaves: no key comes twice in the files of one load. Seen in
# dlt 1.31.
DEDUPLICATED_HINT = "x-stage-data-deduplicated"
# Table hint with the `destination_scope` of a merge: a SQL condition for the rows to delete. Seen in dlt 1.31.
SCOPE_HINT = "x-merge-destination-scope"
# Attributes by which dlt's exceptions carry the error that caused them. Seen in dlt 1.31.
_CAUSES = ("exception", "client_exception", "dbapi_exception")


def keep_load_ids_above(moment: float) -> None:
    """Make the load ids of this process, which are times of its clock, larger than `moment` (Unix seconds).

    Seen in dlt 1.31: `increasing_precise_time` keeps the last moment that it returned in `_last`, under `_lock`.
    """
    with increasing_precise_time._lock:
        increasing_precise_time._last = max(increasing_precise_time._last, moment)


def read_state(text: str) -> dict[str, Any]:
    """Return the pipeline state from the column `state` of the table `_dlt_pipeline_state`. Seen in dlt 1.31."""
    return dict(decompress_state(text))


def stored_columns(pipeline: dlt.Pipeline, tables: list[str]) -> dict[str, set[str]]:
    """Return the columns that the destination has, by table, as it writes them; none where it has no SQL.

    Seen in dlt 1.31: `SqlJobClientBase.get_storage_tables`.
    """
    with pipeline.destination_client() as client:
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
