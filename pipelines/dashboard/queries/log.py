"""The log as a whole: its days and loads, its users and places, its coverage and checks."""

from collections.abc import Sequence

from sqlglot import exp

from ..filters import Filters
from .shapes import Query, newest_name, select


def bounds() -> Query:
    """Return the first and last day of the log."""
    return select("select min(event_day) as first_day, max(event_day) as last_day from agg_daily_usage")


def last_load() -> Query:
    """Return when the enriched tables were last written."""
    return select("select max(inserted_at) as loaded_at from _dlt_loads where status = 0")


def last_publication() -> Query:
    """Return when the copy was written."""
    return select("select max(published_at) as loaded_at from _published")


def newest_event() -> Query:
    """Return the time of the newest event."""
    return select("select max(last_seen_at) as newest_event from user_activity")


def places() -> Query:
    """Return the workspaces and models in which events happened."""
    return select(
        f"select workspace_id, {newest_name('workspace_name')}, model_id, {newest_name('model_name')}"
        " from agg_daily_usage where workspace_id is not null or model_id is not null group by workspace_id, model_id"
    )


def people(limit: int) -> Query:
    """Return users seen in the log, most active first."""
    return select(
        "select user_id, user_label, user_email from user_activity where is_seen"
        f" order by event_count desc, user_id limit {int(limit)}"
    )


def people_with(user_ids: Sequence[str]) -> Query:
    """Return the users with these ids, in the columns of `people`."""
    chosen = exp.column("user_id").isin(*(exp.Literal.string(user_id) for user_id in user_ids))
    return select("select user_id, user_label, user_email from user_activity", [chosen if user_ids else exp.false()])


def covered() -> Query:
    """Return until when each event type is covered by complete windows."""
    return select(
        "select event_type, status, max(window_end) as window_end from event_windows where status = 'complete'"
        " group by event_type, status"
    )


def incomplete() -> Query:
    """Return the incomplete windows."""
    return select(
        "select event_type, status, window_start, window_end, distinct_events, reported_events from event_windows"
        " where status = 'incomplete'"
    )


def acknowledged() -> Query:
    """Return what was acknowledged, as kind and subject."""
    return select("select kind, subject, account, note, happened_at from alerts where what = 'acknowledged'")


def windows(filters: Filters) -> Query:
    """Return the windows of the raw dataset within the days."""
    return select(
        "select window_day, event_type, window_start, window_end, status, reported_events, distinct_events, checked_at"
        " from event_windows order by window_start, window_end",
        [filters.span("window_day")],
    )


def check_results() -> Query:
    """Return the results of the newest run of the data checks."""
    return select(
        "select check_name, status, failing_rows, first_rows, checked_at from check_results"
        " where checked_at = (select max(checked_at) from check_results) order by status, check_name"
    )
