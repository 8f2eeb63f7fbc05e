"""Read from the destination what earlier loads stored, for the source, which knows only its own state."""

from datetime import datetime, timezone
from functools import partial
from typing import Any

import dlt
from dlt.destinations.exceptions import DatabaseUndefinedRelation

from audit_source.events.spans import Span
from audit_source.known import NOTHING_KNOWN, Known
from pipelines.transform.incremental import rows_of
from pipelines.warehouse.run_tables import PURGES, OwnTables

from .known_details import read_known_details

LISTS = ("users", "workspaces", "models")


def read_known(raw: dlt.Pipeline) -> Known:
    """Return tenant, newest timestamp and list sizes. Each query reads small tables or single rows."""
    existing: set[str] = set(raw.default_schema.data_table_names()) if raw.default_schema_name else set()
    if not existing.issuperset({*LISTS, "user_logins", "events", "event_days"}):
        return NOTHING_KNOWN._replace(details=partial(read_known_details, raw))
    dataset = raw.dataset()
    try:
        rows = _facts(raw, dataset)
        stamps = [moment for row in rows for moment in row[2:4] if moment is not None]
        owners = {name: owner for name, *_, owner in rows if owner is not None}
        return Known(
            tenant_id=owners.get("tenant"),
            customer_id=owners.get("customer"),
            newest_stamp=max(map(_ms, stamps), default=0),
            records={name: int(count) for name, count, *_ in rows if name in (*LISTS, "user_logins")},
            stamps={name: max(map(_ms, filter(None, moments)), default=0) for name, _, *moments, _ in rows},
            purged_before=_midnight_ms(owners.get("purges")),
            details=partial(read_known_details, raw),
            count_events=partial(_count_events, dataset),
        )
    except DatabaseUndefinedRelation:
        # A table was dropped by hand. The load creates it again.
        return NOTHING_KNOWN._replace(details=partial(read_known_details, raw))


def _facts(raw: dlt.Pipeline, dataset: dlt.Dataset) -> list[tuple[Any, ...]]:
    parts = _sizes()
    try:
        return rows_of(dataset, _union([*parts, _PURGES]), OwnTables(raw).dataset)
    except DatabaseUndefinedRelation:
        # A version without purges made this database.
        return rows_of(dataset, _union(parts))


def _union(parts: list[str]) -> str:
    columns = ", ".join(f"{name} as {name}" for name in ("list", "records", "newest", "newest_end", "owner"))
    return f"select {columns} from ({' union all '.join(parts)}) as sizes"


_NO_MOMENT = "cast(null as timestamptz)"
_PURGES = f"""
select 'purges', cast(0 as bigint), {_NO_MOMENT}, {_NO_MOMENT}, cast(max(before_day) as varchar) from {PURGES}
"""


def _sizes() -> list[str]:
    parts = [
        f"select '{name}' as list, count(case when _dlt_valid_to is null then 1 end) as records, max(_dlt_valid_from) "
        f"as newest, max(_dlt_valid_to) as newest_end, cast(null as varchar) as owner from {name}"
        for name in LISTS
    ]
    parts.append("select 'event_days', count(*), max(loaded_at), max(loaded_at), cast(null as varchar) from event_days")
    parts.append(
        f"select 'user_logins', count(last_login_date), {_NO_MOMENT}, {_NO_MOMENT}, cast(null as varchar)"
        " from user_logins"
    )
    for owner, one in (
        ("tenant", "select tenant_id as id from events where tenant_id is not null limit 1"),
        (
            "customer",
            "select customer_id as id from users where customer_id is not null and _dlt_valid_to is null limit 1",
        ),
    ):
        parts.append(f"select '{owner}', cast(0 as bigint), {_NO_MOMENT}, {_NO_MOMENT}, id from ({one}) as {owner}")
    return parts


def purged_before(raw: dlt.Pipeline) -> int:
    """Return the start of the first day that no purge removed (epoch ms), or 0 if nothing was purged."""
    day = max((row["before_day"] for row in OwnTables(raw).select(PURGES)), default=None)
    return _midnight_ms(None if day is None else day.isoformat())


def _midnight_ms(day: str | None) -> int:
    """Return the start of a UTC day in ISO 8601 (epoch ms); 0 without a day."""
    return 0 if day is None else int(datetime.fromisoformat(day).replace(tzinfo=timezone.utc).timestamp() * 1000)


def _count_events(dataset: dlt.Dataset, spans: list[Span]) -> list[int]:
    """Count the events dated within each span (epoch ms). They are read from the days of the spans only."""
    sums = [
        f"cast(count(case when event_date >= {_moment(start)} and event_date < {_moment(end)} then 1 end) as bigint)"
        f" as span_{number}"
        for number, (start, end) in enumerate(spans)
    ]
    days = [datetime.fromtimestamp(edge / 1000, timezone.utc).date() for edge in (spans[0][0], spans[-1][1])]
    query = f"select {', '.join(sums)} from events where event_day between date '{days[0]}' and date '{days[1]}'"
    (row,) = rows_of(dataset, query)
    return [int(count) for count in row]


def _moment(ms: int) -> str:
    utc = datetime.fromtimestamp(ms / 1000, timezone.utc)
    return f"cast('{utc.isoformat(sep=' ', timespec='milliseconds')}' as timestamptz)"


def _ms(moment: Any) -> int:
    utc: datetime = moment if moment.tzinfo else moment.replace(tzinfo=timezone.utc)
    return int(utc.timestamp() * 1000) + 1
