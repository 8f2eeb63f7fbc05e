"""Read from the destination what is known of models' contents, integrations and entitlements.

Each query reads a small table, or the last days of a large one.
"""

from datetime import datetime, timedelta, timezone
from typing import Any

import dlt
from dlt.destinations.exceptions import DatabaseUndefinedRelation

from audit_source.directory.content_plan import ContentRead
from audit_source.directory.tables import DETAIL_TABLES, INTEGRATIONS, USER_ENTITLEMENTS
from audit_source.known import KnownDetails
from pipelines.transform.incremental import rows_of, utc_moment

# Days over which the use of a model is counted.
USAGE_DAYS = 7
# An integration whose newest run is older is read once more: its runs are merged by their ids.
RUN_DAYS = 90


def read_known_details(raw: dlt.Pipeline) -> KnownDetails:
    """Return what earlier loads stored. Rows of a load that was killed do not count."""
    existing: set[str] = set(raw.default_schema.data_table_names()) if raw.default_schema_name else set()
    if not existing.issuperset({"events", "models"}):
        return KnownDetails()
    dataset = raw.dataset()
    try:
        if not existing.issuperset(table.name for table in DETAIL_TABLES):
            return KnownDetails(usage=_usage(dataset))
        found: dict[str, list[tuple[Any, ...]]] = {}
        for what, *row in rows_of(dataset, _facts()):
            found.setdefault(what, []).append(tuple(row))
        reads = {str(row[0]).lower(): _content_read(row) for row in found.get("read", [])}
        versions, runs = found.get("version", []), found.get("run", [])
        stamps = [_ms(moment) + 1 for row in versions for moment in row[1:3] if moment is not None]
        return KnownDetails(
            reads=reads,
            # Only while some model was never read: it reads many events.
            usage=_usage(dataset) if len(reads) < len(found.get("model", [])) else {},
            integration_versions=frozenset(row[0] for row in versions if row[0] is not None),
            newest_runs={str(key): (_ms(start), _ms(end)) for key, start, end, *_ in runs},
            runs_without_id=frozenset(row[0] for row in found.get("run_without_id", [])),
            newest_stamp=max([*(read.read_at for read in reads.values()), *stamps], default=0),
            records={
                INTEGRATIONS.name: sum(1 for row in versions if row[0] is not None),
                USER_ENTITLEMENTS.name: len(found.get("entitled", [])),
            },
        )
    except DatabaseUndefinedRelation:
        # A table was dropped by hand. The load creates it again.
        return KnownDetails()


# One row for each model that was read, current model, version of an integration, entitled user, integration that ran,
# and run without an id.
_FACTS = """
select * from (
    select
        'read' as what, model_id as name, last_modified as newest, read_at as newest_end, status,
        last_saved_serial_number as number_0, action_count as number_1, process_count as number_2,
        steps_read as number_3
    from content_reads
    where _dlt_load_id in (select load_id from _dlt_loads where status = 0)
    union all
    select 'model', id, {no_moments}, {nothing} from models where _dlt_valid_to is null
    union all
    select 'version', case when _dlt_valid_to is null then row_version end, _dlt_valid_from, _dlt_valid_to, {nothing}
    from integrations
    union all
    select 'version', cast(null as varchar), max(_dlt_valid_from), max(_dlt_valid_to), {nothing} from user_entitlements
    union all
    select distinct 'entitled', user_id, {no_moments}, {nothing} from user_entitlements where _dlt_valid_to is null
    union all
    select 'run', integration_id, max(started_at), max(ended_at), {nothing}
    from integration_runs
    where ended_at is not null and started_at >= cast('{since} 00:00:00+00:00' as timestamptz)
    group by integration_id
    union all
    select 'run_without_id', run_id, {no_moments}, {nothing}
    from integration_runs
    where run_id like '%/%'
) as facts
"""
_NO_MOMENTS = "cast(null as timestamptz), cast(null as timestamptz)"
_NOTHING = ", ".join(["cast(null as varchar)", *["cast(null as bigint)"] * 4])


def _facts() -> str:
    since = datetime.now(timezone.utc) - timedelta(days=RUN_DAYS)
    return _FACTS.format(since=since.date(), no_moments=_NO_MOMENTS, nothing=_NOTHING)


def _usage(dataset: dlt.Dataset) -> dict[str, int]:
    since = datetime.now(timezone.utc).date() - timedelta(days=USAGE_DAYS)
    query = f"""
    select model_id, count(*) as uses from (
        select lower(coalesce(additional_attributes__model_id, object_id)) as model_id
        from events where event_day >= date '{since}'
    ) as recent
    where model_id in (select lower(id) from models)
    group by model_id
    """
    return {str(key): int(uses) for key, uses in rows_of(dataset, query)}


def _content_read(row: tuple[Any, ...]) -> ContentRead:
    _, modified, read_at, status, serial, *counts = row
    return ContentRead(
        _number(serial), None if modified is None else _ms(modified), _ms(read_at), status, *map(_number, counts)
    )


def _number(value: Any) -> int | None:
    return None if value is None else int(value)


def _ms(moment: datetime) -> int:
    return round(utc_moment(moment).timestamp() * 1000)
