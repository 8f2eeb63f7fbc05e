"""dlt resources of the detail tables, and the empty batches that create these tables."""

from collections.abc import Iterable, Iterator

from dlt.sources import DltResource

from ..dlt_internals import created_tables
from ..table_resources import HISTORY, MERGE, Batch, table_resource
from .history_tables import MODEL_HISTORY, MODEL_HISTORY_READS
from .tables import (
    CONTENT_READS,
    DETAIL_TABLES,
    INTEGRATION_FLOWS,
    INTEGRATION_RUNS,
    INTEGRATIONS,
    MODEL_ACTIONS,
    PROCESS_STEPS,
    SCIM_USERS,
    USER_ENTITLEMENTS,
)


def detail_resources(parent: DltResource) -> Iterator[DltResource]:
    """Yield the resource of each table of `DETAIL_TABLES`."""
    # Only the models read in a load may retire or replace rows.
    yield table_resource(parent, MODEL_ACTIONS, HISTORY, merge_key="model_id")
    yield table_resource(parent, PROCESS_STEPS, MERGE, merge_key=["model_id", "process_id"])
    yield table_resource(parent, CONTENT_READS, MERGE, primary_key="model_id")
    yield table_resource(parent, INTEGRATIONS, HISTORY)
    yield table_resource(parent, INTEGRATION_RUNS, MERGE, primary_key="run_id")
    yield table_resource(parent, INTEGRATION_FLOWS, MERGE, primary_key="flow_id")
    yield table_resource(parent, USER_ENTITLEMENTS, HISTORY)
    yield table_resource(parent, SCIM_USERS, MERGE, primary_key="id")


def history_resources(parent: DltResource) -> tuple[DltResource, ...]:
    """Return the resource of each table of `HISTORY_TABLES`."""
    return (
        table_resource(parent, MODEL_HISTORY, MERGE, primary_key="history_row_id"),
        table_resource(parent, MODEL_HISTORY_READS, MERGE, primary_key="model_id"),
    )


def create_missing(filled: Iterable[str] = ()) -> Iterator[Batch]:
    """Yield an empty batch for each table that no load has created and that is not in `filled`.

    The schema says which exist, not the state: a killed load may have stored rows without its state, and an empty batch
    retires every row of a table with history.
    """
    for name in {table.name for table in DETAIL_TABLES} - {*filled} - created_tables():
        yield name, None
