"""Find the days whose events show another action or integration, because a list of a model or of CloudWorks changed.

The lists of a large tenant are read over many runs, and a model that is read for the first time names events of any
age. So days older than `RECENT_DAYS` wait for the first enrichment of a UTC day. Other runs stay as cheap as they were.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta, timezone
from typing import Any

import dlt
from sqlglot import exp

from .incremental import (
    FACTS,
    MAX_CHANGED_IDS,
    folded_id,
    newest_moment,
    rows_of,
    since_day,
    sql_moment,
    utc_moment,
)

RECENT_DAYS = 31

# Versions of actions that began or ended after {since}. A model that was first read since then is one row without an
# action: each of its events can change. `changed_at` is empty where events of any age change.
_ACTIONS = """
with versions as (
    select
        {model} as model_id,
        action_id,
        _dlt_valid_from as valid_from,
        _dlt_valid_to as valid_to,
        row_number() over (partition by {model}, kind, action_id order by _dlt_valid_from) as version,
        min(_dlt_valid_from) over (partition by {model}) as read_at
    from model_actions
)
select distinct
    cast(model_id as varchar) as model_id,
    cast(case when read_at <= {since} then action_id end as varchar) as action_id,
    cast(case
        when read_at > {since} or (version = 1 and valid_from > {since}) then null
        when valid_from > {since} then valid_from
        else valid_to
    end as timestamptz) as changed_at
from versions
where valid_from > {since} or valid_to > {since}
"""
_INTEGRATIONS = """
with versions as (
    select
        {integration} as integration_id,
        _dlt_valid_from as valid_from,
        _dlt_valid_to as valid_to,
        row_number() over (partition by {integration} order by _dlt_valid_from) as version
    from integrations
)
select distinct
    cast(integration_id as varchar) as integration_id,
    cast(case
        when version = 1 and valid_from > {since} then null
        when valid_from > {since} then valid_from
        else valid_to
    end as timestamptz) as changed_at
from versions
where valid_from > {since} or valid_to > {since}
"""
# What shows that a table was written. None of these statements reads more than a few columns.
_SIGNATURES = {
    "model_actions": ("max(_dlt_valid_from)", "max(_dlt_valid_to)"),
    "integrations": ("max(_dlt_valid_from)", "max(_dlt_valid_to)"),
    "user_entitlements": ("max(_dlt_valid_from)", "max(_dlt_valid_to)"),
    # The steps of a process are written when its model is read.
    "content_reads": ("max(read_at)",),
    "integration_runs": ("max(started_at)", "max(ended_at)"),
    # The history itself can have millions of rows. What was read of it is one row per model.
    "model_history_reads": ("max(read_at)",),
}
# The raw tables whose changes are noticed here.
WATCHED = {*_SIGNATURES, "process_steps", "model_history"}


@dataclass(frozen=True)
class ListsState:
    """What the enriched tables contain of the lists.

    That is the newest change for recent and for older days, a signature of all lists, and the newest read of a model's
    history.
    """

    recent: str | None = None
    older: str | None = None
    signature: str | None = None
    history: str | None = None


@dataclass(frozen=True)
class _Changes:
    """Ids with the first affected day of their events; None: all days."""

    models: set[str]
    actions: dict[tuple[str, str], date | None]
    integrations: dict[str, date | None]

    @property
    def size(self) -> int:
        return len(self.models) + len(self.actions) + len(self.integrations)


def lists_queries() -> list[str]:
    """Return the queries, of one row each, whose rows `lists_state_of` takes."""
    queries = []
    for table, columns in _SIGNATURES.items():
        selected = ", ".join(f"cast({one} as timestamptz) as moment_{n}" for n, one in enumerate(columns))
        queries.append(f"select cast(count(*) as bigint) as size, {selected} from {table}")
    return queries


def lists_state_of(rows: Sequence[tuple[Any, ...]], before: ListsState, is_first_of_day: bool) -> ListsState:
    """Return what the tables contain after this enrichment, which follows one that left `before`."""
    moments: list[datetime | None] = []
    values, history = [], None
    for table, row in zip(_SIGNATURES, rows, strict=True):
        values.append(f"{table} {row[0]} {newest_moment(row[1:])}")
        if table in ("model_actions", "integrations"):
            moments += row[1:]
        history = newest_moment(row[1:]) if table == "model_history_reads" else history
    newest = newest_moment(moments)
    return ListsState(newest, newest if is_first_of_day else before.older, ", ".join(values), history)


def unchanged_lists(before: str | None, after: str | None) -> set[str]:
    """Return the raw tables that two signatures show as equal."""
    if before == after:
        return set(WATCHED)
    found = {one.partition(" ")[0] for one in set((before or "").split(", ")) & set((after or "").split(", "))}
    written = {"content_reads": "process_steps", "model_history_reads": "model_history"}
    return found | {table for read, table in written.items() if read in found}


def days_of_lists(
    raw: dlt.Dataset,
    enriched: dlt.Dataset,
    before: ListsState,
    now: ListsState,
    newest_day: date | None,
    is_first_of_day: bool,
) -> set[date] | None:
    """Return the days to rewrite because lists changed between `before` and `now`; None means all days.

    `newest_day` is the last day that has events.
    """
    since = before.older if is_first_of_day else before.recent
    if since == now.recent:
        return set()
    columns = enriched.schema.tables.get(FACTS, {}).get("columns", {})
    # A user's own facts may name no actions.
    if not {"action_id", "process_id", "integration_id"} <= columns.keys():
        return set()
    changes = _changes(raw, since)
    if changes.size > MAX_CHANGED_IDS and is_first_of_day:
        return None
    first = None if is_first_of_day else _first_recent_day(newest_day)
    if changes.size > MAX_CHANGED_IDS:
        return {day for (day,) in rows_of(raw, "select event_day from event_days") if first is None or day >= first}
    return _days_of(enriched, changes, first)


def _first_recent_day(newest: date | None) -> date | None:
    if newest is None:
        return None
    # An event dated in the future must not make every day an old one.
    return min(newest, datetime.now(timezone.utc).date()) - timedelta(days=RECENT_DAYS)


def _changes(raw: dlt.Dataset, since: str | None) -> _Changes:
    moment = sql_moment(since)
    found = _Changes(set(), {}, {})
    for model_id, action_id, changed_at in rows_of(raw, _ACTIONS.format(model=folded_id("model_id"), since=moment)):
        if action_id is None:
            found.models.add(model_id)
        else:
            _keep_earliest(found.actions, (model_id, action_id), changed_at)
    query = _INTEGRATIONS.format(integration=folded_id("integration_id"), since=moment)
    for integration_id, changed_at in rows_of(raw, query):
        _keep_earliest(found.integrations, integration_id, changed_at)
    return found


def _keep_earliest(days: dict[Any, date | None], key: Any, changed_at: datetime | None) -> None:
    day = None if changed_at is None else utc_moment(changed_at).date()
    known = days.get(key, day)
    days[key] = None if day is None or known is None else min(day, known)


def _days_of(enriched: dlt.Dataset, changes: _Changes, first: date | None) -> set[date]:
    """Return the days from `first` on whose events name something that changed."""
    conditions = []
    if changes.models:
        runs = exp.or_(*(exp.column(name).is_(exp.null()).not_() for name in ("action_id", "process_id")))
        conditions.append(_in("model_id", changes.models).and_(exp.paren(runs)))
    for is_later in (False, True):
        actions = [key for key, day in changes.actions.items() if (day is not None) == is_later]
        integrations = [key for key, day in changes.integrations.items() if (day is not None) == is_later]
        parts = []
        if actions:
            # All combinations of these models and actions: more than what changed, in one statement of bounded length.
            ids = {action for _, action in actions}
            of_action = exp.paren(_in("action_id", ids).or_(_in("process_id", ids)))
            parts.append(_in("model_id", {model for model, _ in actions}).and_(of_action))
        if integrations:
            parts.append(_in("integration_id", integrations))
        if parts:
            days = [changes.actions[key] for key in actions] + [changes.integrations[key] for key in integrations]
            since = [since_day("event_day", min(day for day in days if day is not None))] if is_later else []
            conditions.append(exp.and_(exp.paren(exp.or_(*parts)), *since))
    if not conditions:
        return set()
    query = exp.select(exp.cast(exp.column("event_day"), "date").as_("event_day")).distinct().from_(FACTS)
    query = query.where(exp.paren(exp.or_(*conditions)), *([since_day("event_day", first)] if first else []))
    return {row[0] for row in rows_of(enriched, query)}


def _in(column: str, values: Iterable[str]) -> exp.Condition:
    return exp.column(column).isin(*(exp.Literal.string(one) for one in sorted(values)))
