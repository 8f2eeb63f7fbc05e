"""Which days the enrichment has to rewrite, told from what the raw dataset says.

A day is touched when a load brought events of it, when the names of its events can be resolved otherwise
than before (somebody appears in the directory, or is renamed), or when its number of events differs.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timezone
from typing import Any

import dlt
from sqlglot import exp, parse_one

from pipelines.common.names import DIALECT
from pipelines.warehouse.sql_fixes import for_dialect

FACTS = "fct_events"
# The columns of FACTS that name a user, a workspace or a model.
ID_COLUMNS = ("user_id", "target_user_id", "workspace_id", "model_id", "object_id")

# More changed ids than this, and looking for their days costs more than rewriting all.
MAX_CHANGED_IDS = 2_000

# Versions that began or ended after {since}; `everywhere` where older events show another name than before.
_CHANGES = """
with versions as (
    select
        {folded} as id,
        {names} as names,
        _dlt_valid_from as valid_from,
        _dlt_valid_to as valid_to,
        lag({names}) over (partition by {folded} order by _dlt_valid_from) as names_before,
        row_number() over (partition by {folded} order by _dlt_valid_from) as version
    from {table}
)
select
    cast(id as varchar) as id,
    cast(valid_from > {since} and (version = 1 or names <> names_before) as boolean) as everywhere,
    cast(case when valid_from > {since} then valid_from else valid_to end as timestamptz) as changed_at
from versions
where valid_from > {since} or valid_to > {since}
"""
# As the models fold ids.
_FOLDED = (
    "case when translate(lower(id), '123456789abcdef', '000000000000000') = '00000000000000000000000000000000'"
    " then lower(id) else id end"
)
# For each list of the directory, what events show of it.
_NAMES = {
    "users": ("first_name", "last_name", "email"),
    "workspaces": ("name",),
    "models": ("name", "current_workspace_id", "current_workspace_name"),
}


# The raw tables whose changes are noticed here, and by the fingerprint of the catalogue.
WATCHED = {*_NAMES, "events", "event_days", "event_types", "user_logins"}


@dataclass(frozen=True)
class Watermark:
    """The newest load, change of the directory and sign-in of a user that the enriched tables contain."""

    events: str | None = None
    directory: str | None = None
    logins: str | None = None


def read_watermark(raw: dlt.Dataset) -> Watermark:
    """What the raw dataset holds now."""
    loaded = _scalars(raw, "select cast(max(loaded_at) as timestamptz) as newest from event_days")
    changed = [
        moment
        for table in _NAMES
        for moment in _scalars(
            raw,
            "select cast(max(_dlt_valid_from) as timestamptz) as newest,"
            f" cast(max(_dlt_valid_to) as timestamptz) as newest_end from {table}",
        )
    ]
    logins = _scalars(raw, "select cast(max(last_login_date) as timestamptz) as newest from user_logins")
    return Watermark(_newest(loaded), _newest(changed), _newest(logins))


def touched_days(raw: dlt.Dataset, enriched: dlt.Dataset, since: Watermark) -> set[date] | None:
    """The days to rewrite after `since`; None means all of them."""
    changes = _changed_ids(raw, since)
    if len(changes) > MAX_CHANGED_IDS:
        return None
    # Without a watermark there were no events yet, so every day is new.
    newest = datetime.fromisoformat(since.events) if since.events else datetime.min.replace(tzinfo=timezone.utc)
    days = {day for day, loaded_at in rows_of(raw, _LOADED_DAYS) if utc_moment(loaded_at) > newest}
    return days | _days_of(enriched, changes) | _days_of_other_size(raw, enriched)


_LOADED_DAYS = "select event_day, loaded_at from event_days"
_SIZES = "select event_day, cast(count(*) as bigint) as events from {table} group by event_day"


def _days_of_other_size(raw: dlt.Dataset, enriched: dlt.Dataset) -> set[date]:
    """Days whose events are not all there, whatever the watermark says: purged ones and repaired ones."""
    before, now = dict(rows_of(enriched, _SIZES.format(table=FACTS))), dict(rows_of(raw, _SIZES.format(table="events")))
    return {day for day in {**before, **now} if before.get(day) != now.get(day)}


def _changed_ids(raw: dlt.Dataset, since: Watermark) -> dict[str, date | None]:
    """Ids whose versions changed after `since`, with the day from which their events are affected (None: all)."""
    moment = f"cast('{since.directory or '1900-01-01 00:00:00+00:00'}' as timestamptz)"
    changes: dict[str, date | None] = {}
    for table, columns in _NAMES.items():
        names = " || '|' || ".join(f"coalesce({column}, '')" for column in columns)
        query = _CHANGES.format(folded=_FOLDED, names=names, table=table, since=moment)
        for changed_id, everywhere, changed_at in rows_of(raw, query):
            day = None if everywhere else utc_moment(changed_at).date()
            known = changes.get(changed_id, day)
            changes[changed_id] = None if day is None or known is None else min(day, known)
    return changes


def _days_of(enriched: dlt.Dataset, changes: dict[str, date | None]) -> set[date]:
    """The days on which one of the changed ids occurs."""
    everywhere = [changed for changed, day in changes.items() if day is None]
    later = [day for day in changes.values() if day is not None]
    conditions = []
    if everywhere:
        conditions.append(_names_one_of(everywhere))
    if later:
        since = exp.cast(exp.Literal.string(min(later).isoformat()), "date")
        conditions.append(_names_one_of(changes).and_(exp.column("event_day") >= since))
    if not conditions:
        return set()
    query = exp.select(exp.cast(exp.column("event_day"), "date").as_("event_day")).distinct().from_(FACTS)
    return {row[0] for row in rows_of(enriched, query.where(exp.or_(*conditions)))}


def _names_one_of(ids: Iterable[str]) -> exp.Condition:
    # System users are written in upper case in the enriched tables; they are in no directory.
    values = [exp.Literal.string(one) for one in ids]
    return exp.paren(exp.or_(*(exp.column(name).isin(*values) for name in ID_COLUMNS)))


def rows_of(dataset: dlt.Dataset, query: "str | exp.Query") -> list[tuple[Any, ...]]:
    asked: Any = parse_one(query, dialect=DIALECT) if isinstance(query, str) else query
    return list(dataset(for_dialect(asked, str(dataset.destination_dialect)), query_dialect=DIALECT).fetchall())


def _scalars(dataset: dlt.Dataset, query: str) -> list[Any]:
    return list(rows_of(dataset, query)[0])


def utc_moment(moment: datetime) -> datetime:
    return moment.replace(tzinfo=timezone.utc) if moment.tzinfo is None else moment.astimezone(timezone.utc)


def _newest(moments: Iterable[datetime | None]) -> str | None:
    known = [utc_moment(moment) for moment in moments if moment is not None]
    return max(known).isoformat() if known else None
