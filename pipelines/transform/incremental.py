"""Find the days that the enrichment has to rewrite, from the raw dataset.

A day is touched when a load brought events of it, when the directory now gives its events other names (a user is new or
renamed), or when its number of events differs, which is looked for once a day. `told_names.py` finds the days of users
whom no list names and whom new events name, `list_days.py` those of changed lists of models and CloudWorks, and
`history_days.py` those of model history.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timezone
from itertools import islice
from typing import Any

import dlt
from sqlglot import exp, parse_one

from pipelines.common.names import DIALECT
from pipelines.warehouse.engine import engine_of
from pipelines.warehouse.sql_fixes import for_dialect

from .summaries import day_literal

FACTS = "fct_events"
# The summary of the days between which FACTS names an id.
DAYS_OF_IDS = "id_days"
# The columns of FACTS that hold the id of a user, workspace or model.
ID_COLUMNS = ("user_id", "target_user_id", "workspace_id", "model_id", "object_id")

# Above this number of changed ids, the search for their days costs more than a rewrite of all days.
MAX_CHANGED_IDS = 2_000


def folded_id(column: str) -> str:
    """Return the SQL that folds the case of an id as staging does."""
    zeros = "'00000000000000000000000000000000'"
    return (
        f"case when translate(lower({column}), '123456789abcdef', '000000000000000') = {zeros}"
        f" then lower({column}) else {column} end"
    )


_FOLDED = folded_id("id")
# Versions that began or ended after {since}; `everywhere` is true where older events get another name too.
_CHANGES = """
select
    cast(id as varchar) as id,
    cast(valid_from > {since} and (version = 1 or names <> names_before) as boolean) as everywhere,
    cast(case when valid_from > {since} then valid_from else valid_to end as timestamptz) as changed_at
from (
    select
        {folded} as id,
        {names} as names,
        _dlt_valid_from as valid_from,
        _dlt_valid_to as valid_to,
        lag({names}) over (partition by {folded} order by _dlt_valid_from) as names_before,
        row_number() over (partition by {folded} order by _dlt_valid_from) as version
    from {table}
) as versions
where valid_from > {since} or valid_to > {since}
"""
# For each list of the directory, the columns that events show.
_NAMES = {
    "users": ("first_name", "last_name", "email"),
    "workspaces": ("name",),
    "models": ("name", "current_workspace_id", "current_workspace_name"),
}


# The raw tables whose changes are noticed here, and by the fingerprint of the catalogue.
WATCHED = {*_NAMES, "events", "event_days", "event_types", "user_logins", "scim_users", "user_entitlements"}


@dataclass(frozen=True)
class Watermark:
    """The newest load, directory change, user sign-in and entitlement that the enriched tables contain.

    Also the newest day and the number of days that loads touched.
    """

    events: str | None = None
    directory: str | None = None
    logins: str | None = None
    access: str | None = None
    newest_day: date | None = None
    day_count: int = 0


_LOADED = (
    "select cast(max(loaded_at) as timestamptz) as newest, cast(max(event_day) as date) as newest_day,"
    " cast(count(*) as bigint) as day_count from event_days"
)
_VERSIONS = (
    "select cast(max(_dlt_valid_from) as timestamptz) as newest, cast(max(_dlt_valid_to) as timestamptz) as newest_end"
    " from {table}"
)
_LOGINS = "select cast(max(last_login_date) as timestamptz) as newest from user_logins"
_SCIM_USERS = (
    "select cast(count(*) as bigint) as users, cast(max(created_at) as timestamptz) as newest,"
    " cast(max(last_modified) as timestamptz) as newest_change from scim_users"
)
_ENTITLEMENTS = (
    "select cast(count(*) as bigint) as entitlements, cast(max(_dlt_valid_from) as timestamptz) as newest,"
    " cast(max(_dlt_valid_to) as timestamptz) as newest_end from user_entitlements"
)


def watermark_queries(raw: dlt.Dataset) -> list[str]:
    """Return the queries, of one row each, whose rows `watermark_of` takes."""
    # Tables that an older version did not load may be missing.
    access = [_SCIM_USERS, _ENTITLEMENTS] if {"scim_users", "user_entitlements"} <= raw.schema.tables.keys() else []
    return [_LOADED, _LOGINS, *(_VERSIONS.format(table=table) for table in _NAMES), *access]


def watermark_of(rows: Sequence[tuple[Any, ...]]) -> Watermark:
    """Return the watermark of the raw dataset."""
    loaded, logins, *others = rows
    changed = [moment for row in others[: len(_NAMES)] for moment in row]
    access = others[len(_NAMES) :]
    return Watermark(
        newest_moment(loaded[:1]),
        newest_moment(changed),
        newest_moment(logins),
        _access_watermark(*access) if access else None,
        loaded[1],
        int(loaded[2]),
    )


def _access_watermark(users: tuple[Any, ...], entitlements: tuple[Any, ...]) -> str:
    """Return the numbers of users and entitlements, and their newest change."""
    return f"{users[0]} {entitlements[0]} {newest_moment([*users[1:], *entitlements[1:]])}"


def loaded_days(raw: dlt.Dataset, since: Watermark, now: Watermark) -> set[date]:
    """Return the days of which loads brought events after `since` and until `now`."""
    if since.events == now.events:
        return set()
    query = f"select event_day from event_days where loaded_at > {sql_moment(since.events)}"
    return {day for (day,) in rows_of(raw, query)}


_SIZES = "select event_day, cast(count(*) as bigint) as events from {table} group by event_day"


def days_of_other_size(raw: dlt.Dataset, enriched: dlt.Dataset) -> set[date]:
    """Return the days whose number of events differs, whatever the watermark says: purged and repaired days.

    It reads every day of both tables.
    """
    before, now = dict(rows_of(enriched, _SIZES.format(table=FACTS))), dict(rows_of(raw, _SIZES.format(table="events")))
    return {day for day in {**before, **now} if before.get(day) != now.get(day)}


def changed_ids(raw: dlt.Dataset, since: Watermark, now: Watermark) -> dict[str, date | None]:
    """Return ids whose versions changed after `since`, with the first affected day of their events (None: all days)."""
    if since.directory == now.directory:
        return {}
    moment = sql_moment(since.directory)
    queries = []
    for table, columns in _NAMES.items():
        names = " || '|' || ".join(f"coalesce({column}, '')" for column in columns)
        queries.append(_CHANGES.format(folded=_FOLDED, names=names, table=table, since=moment))
    changes: dict[str, date | None] = {}
    for changed_id, everywhere, changed_at in rows_of(raw, " union all ".join(queries)):
        day = None if everywhere else utc_moment(changed_at).date()
        known = changes.get(changed_id, day)
        changes[changed_id] = None if day is None or known is None else min(day, known)
    return changes


def days_of(enriched: dlt.Dataset, changes: Mapping[str, date | None], is_bounded: bool) -> set[date]:
    """Return the days on which one of the changed ids occurs; `is_bounded` as in `days_where`."""
    everywhere = [changed for changed, day in changes.items() if day is None]
    later = [day for day in changes.values() if day is not None]
    conditions = []
    if everywhere:
        conditions.append(has_one_of(ID_COLUMNS, everywhere))
    if later:
        conditions.append(has_one_of(ID_COLUMNS, changes).and_(since_day("event_day", min(later))))
    return days_where(enriched, changes, exp.or_(*conditions), is_bounded) if conditions else set()


def days_where(enriched: dlt.Dataset, ids: Iterable[str], condition: exp.Condition, is_bounded: bool) -> set[date]:
    """Return the days of events that name one of the ids and fulfil a condition.

    `is_bounded` looks only between the days that the summary of ids gives.
    """
    query = exp.select(exp.cast(exp.column("event_day"), "date").as_("event_day")).distinct().from_(FACTS)
    query = query.where(exp.paren(condition))
    if is_bounded:
        span = _span_of(enriched, ids)
        if span is None:
            return set()
        query = query.where(
            exp.Between(this=exp.column("event_day"), low=day_literal(span[0]), high=day_literal(span[1]))
        )
    return {row[0] for row in rows_of(enriched, query)}


def _span_of(enriched: dlt.Dataset, ids: Iterable[str]) -> tuple[date, date] | None:
    """Return the first and the last day between which events name the ids; None: no event names one."""
    query = exp.select(
        exp.cast(exp.func("min", exp.column("first_day")), "date").as_("first_day"),
        exp.cast(exp.func("max", exp.column("last_day")), "date").as_("last_day"),
    ).from_(DAYS_OF_IDS)
    ((first, last),) = rows_of(enriched, query.where(exp.column("id").isin(*map(exp.Literal.string, sorted(ids)))))
    return None if first is None else (first, last)


def has_one_of(columns: Iterable[str], ids: Iterable[str]) -> exp.Condition:
    """Return the condition that one of the columns holds one of the ids."""
    # System users are in upper case in the enriched tables, and in no list of the directory.
    values = [exp.Literal.string(one) for one in ids]
    return exp.paren(exp.or_(*(exp.column(name).isin(*values) for name in columns)))


def sql_moment(moment: str | None) -> str:
    """Return the SQL of a moment in ISO 8601; without one, of a moment before everything."""
    return f"cast('{moment or '1900-01-01 00:00:00+00:00'}' as timestamptz)"


def since_day(column: str, day: date) -> exp.Condition:
    """Return the condition that a date column holds `day` or a later one."""
    return exp.column(column) >= day_literal(day)


def rows_of(dataset: dlt.Dataset, query: "str | exp.Query", other: dlt.Dataset | None = None) -> list[tuple[Any, ...]]:
    """Return the rows of a query in DuckDB's dialect. It names tables of an `other` dataset with that dataset."""
    parsed: Any = parse_one(query, dialect=DIALECT) if isinstance(query, str) else query
    fixed = for_dialect(parsed, str(dataset.destination_dialect))
    return list(engine_of(dataset).relation(dataset, fixed, other).fetchall())


def single_rows(dataset: dlt.Dataset, queries: Sequence[str]) -> list[tuple[Any, ...]]:
    """Return the rows of queries that return one row each, all by one statement."""
    parts: list[Any] = [parse_one(query, dialect=DIALECT) for query in queries]
    names = [[selected.alias_or_name for selected in part.selects] for part in parts]
    columns = [
        exp.column(name, f"part_{number}").as_(f"{name}_{number}") for number, own in enumerate(names) for name in own
    ]
    query = exp.select(*columns).from_(parts[0].subquery("part_0"))
    for number, part in enumerate(parts[1:], start=1):
        query = query.join(part.subquery(f"part_{number}"), join_type="cross")
    (row,) = rows_of(dataset, query)
    values = iter(row)
    return [tuple(islice(values, len(own))) for own in names]


def utc_moment(moment: datetime) -> datetime:
    """Return the time in UTC; a time without a zone is UTC."""
    return moment.replace(tzinfo=timezone.utc) if moment.tzinfo is None else moment.astimezone(timezone.utc)


def newest_moment(moments: Iterable[datetime | None]) -> str | None:
    """Return the newest of some moments as ISO 8601 (UTC), None if there is none."""
    known = [utc_moment(moment) for moment in moments if moment is not None]
    return max(known).isoformat() if known else None
