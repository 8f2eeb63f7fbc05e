"""The resources of the event log and of the directory."""

from dlt.sources import DltResource

from .catalogue import event_types
from .schema import EVENT_DAYS, EVENT_TYPES, EVENT_WINDOWS, EVENTS, MODELS, USER_LOGINS, USERS, WORKSPACES
from .table_resources import HISTORY, MERGE, table_resource


def log_and_directory_resources(event_log: DltResource, directory: DltResource) -> tuple[DltResource, ...]:
    """Return the resources that take their tables out of two streams of batches."""
    return (
        table_resource(event_log, EVENTS, MERGE, primary_key="id"),
        table_resource(event_log, EVENT_WINDOWS, MERGE, merge_key=["window_day", "event_type"]),
        table_resource(event_log, EVENT_DAYS, MERGE, primary_key="event_day"),
        table_resource(directory, USERS, HISTORY),
        table_resource(directory, USER_LOGINS, MERGE, primary_key="id"),
        table_resource(directory, WORKSPACES, HISTORY),
        table_resource(directory, MODELS, HISTORY),
        table_resource(event_types(), EVENT_TYPES, MERGE, primary_key="event_type_id"),
    )
