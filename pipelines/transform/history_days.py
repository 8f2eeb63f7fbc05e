"""Find the days of `fct_model_history` to rewrite: rows were loaded or purged, or users and models have other names."""

from collections.abc import Mapping
from datetime import date

import dlt
from sqlglot import exp

from .incremental import MAX_CHANGED_IDS, has_one_of, rows_of, since_day, sql_moment

HISTORY, RAW_HISTORY = "fct_model_history", "model_history"
# The columns of HISTORY that hold the id of a user, workspace or model.
_IDS = ("model_id", "workspace_id", "user_id", "target_user_id")

# Rows were loaded in the order of `loaded_at`, so DuckDB reads the newest ones only.
_LOADED = "select distinct change_day from model_history where change_day is not null and loaded_at > {since}"
_STORED = """
select change_day, cast(count(*) as bigint) as size
from model_history
where change_day is not null
group by change_day
"""
_BUILT = "select change_day, cast(count(*) as bigint) as size from fct_model_history group by change_day"
# E-mail addresses and names of users whose versions began after {since}: history knows no ids.
_HANDLES = """
select distinct
    cast(lower(email) as varchar) as email,
    cast(lower(trim(concat(coalesce(first_name, ''), ' ', coalesce(last_name, '')))) as varchar) as name
from users
where _dlt_valid_from > {since}
"""


def days_of_history(raw: dlt.Dataset, enriched: dlt.Dataset, loaded_since: str | None, recount: bool) -> set[date]:
    """Return the days whose rows were loaded after `loaded_since`; with `recount`, also those of another size.

    To recount reads every day of both tables.
    """
    if not is_built(enriched):
        return set()
    days = {day for (day,) in rows_of(raw, _LOADED.format(since=sql_moment(loaded_since)))}
    if recount:
        stored, built = dict(rows_of(raw, _STORED)), dict(rows_of(enriched, _BUILT))
        days |= {day for day in {**built, **stored} if stored.get(day) != built.get(day)}
    return days


def days_of_names(
    raw: dlt.Dataset, enriched: dlt.Dataset, changes: Mapping[str, date | None], since: str | None
) -> set[date] | None:
    """Return the days that name a changed user, workspace or model; None means all days.

    Args:
        raw (Dataset): The raw dataset.
        enriched (Dataset): The enriched dataset.
        changes (Mapping[str, date | None]): Changed ids, with the first affected day (None: all days).
        since (str): Users are looked up by name whose versions began after this moment.
    """
    if not is_built(enriched) or not changes:
        return set()
    handles = {one for row in rows_of(raw, _HANDLES.format(since=sql_moment(since))) for one in row if one}
    if len(handles) > MAX_CHANGED_IDS:
        return None
    conditions = []
    everywhere = [one for one, day in changes.items() if day is None]
    if everywhere:
        conditions.append(has_one_of(_IDS, everywhere))
    later = [day for day in changes.values() if day is not None]
    if later:
        conditions.append(has_one_of(_IDS, changes).and_(since_day("change_day", min(later))))
    for column in ("sent_user", "target_user_name") if handles else ():
        named = exp.func("lower", exp.column(column)).isin(*(exp.Literal.string(one) for one in sorted(handles)))
        conditions.append(named)
    query = exp.select(exp.column("change_day")).distinct().from_(HISTORY)
    return {row[0] for row in rows_of(enriched, query.where(exp.or_(*conditions)))}


def is_built(enriched: dlt.Dataset) -> bool:
    """Return whether the table exists: a user's own models may have none."""
    return HISTORY in enriched.schema.tables
