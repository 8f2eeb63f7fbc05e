"""Repairs the order of directory versions that an older release wrote while the clock was set back.

Such a version ends before it begins, or after the next one begins. The version that the list shows now is always right,
whatever its dates. The others move in front of it, as little as possible.
"""

from datetime import datetime, timedelta
from typing import NamedTuple

import dlt

from pipelines.warehouse.engine import engine_of

from .incremental import rows_of, utc_moment

# A version without an end never changes: no value is NULL, which BigQuery refuses as a parameter.
_CHANGES = "_dlt_valid_from = %s, _dlt_valid_to = %s"
_VERSION = "id = %s AND row_version = %s AND _dlt_valid_from = %s"
LISTS = ("users", "workspaces", "models")
# Length of a version whose true length is unknown.
SHORTEST = timedelta(milliseconds=1)

# All versions of each id with a version that ends before it begins, or after the next one begins. Of two versions that
# begin together, staging keeps one.
_WRONG = """
with followed as (
    {versions}
), wrong as (
    select distinct list, id
    from followed
    where valid_to < valid_from or (valid_to > next_from and valid_from <> next_from)
)
select followed.list, followed.id, followed.row_version, followed.valid_from, followed.valid_to
from followed
inner join wrong on wrong.list = followed.list and wrong.id = followed.id
"""


_VERSIONS = """
select
    cast('{table}' as varchar) as list,
    id,
    row_version,
    _dlt_valid_from as valid_from,
    _dlt_valid_to as valid_to,
    lead(_dlt_valid_from) over (
        partition by id
        order by case when _dlt_valid_to is null then 1 else 0 end, _dlt_valid_from, _dlt_valid_to
    ) as next_from
from {table}
"""


class Version(NamedTuple):
    """The validity of one version of a record; `valid_to` is None while the list shows it."""

    row_version: str
    valid_from: datetime
    valid_to: datetime | None


def count_query() -> str:
    """Return the query, of one row, that counts what `wrong_versions` returns."""
    return f"select cast(count(*) as bigint) as number from ({_wrong()}) as wrong_versions"


def wrong_versions(raw: dlt.Pipeline) -> dict[tuple[str, str], list[Version]]:
    """Return all versions of each record (list, id) that has one which runs backwards or overlaps the next."""
    found: dict[tuple[str, str], list[Version]] = {}
    dataset = raw.dataset()
    for table, record_id, row_version, *validity in rows_of(dataset, _wrong()):
        start, end = (None if moment is None else utc_moment(moment) for moment in validity)
        if start is not None:
            found.setdefault((table, record_id), []).append(Version(row_version, start, end))
    return found


def _wrong() -> str:
    return _WRONG.format(versions=" union all ".join(_VERSIONS.format(table=table) for table in LISTS))


def correct_versions(raw: dlt.Pipeline, wrong: dict[tuple[str, str], list[Version]]) -> None:
    """Write the validity of versions as it should be. A later call repairs the rest if it is interrupted."""
    with raw.sql_client() as client:
        for (table, record_id), versions in wrong.items():
            name = client.make_qualified_table_name(table)
            # Oldest first: a version moves away before another one takes its start.
            for before, after in reversed(in_order(versions)):
                if before != after:
                    values = [after.valid_from, after.valid_to, record_id, before.row_version, before.valid_from]
                    client.execute_sql(engine_of(raw).update_statement(name, _CHANGES, _VERSION), *values)


def in_order(versions: list[Version]) -> list[tuple[Version, Version]]:
    """Return each version as it is and as it should be, newest first, so that none overlaps the next."""
    newest_first = sorted(versions, key=lambda v: (v.valid_to is None, v.valid_from, v.valid_to or v.valid_from))[::-1]
    ordered: list[tuple[Version, Version]] = []
    limit: datetime | None = None
    for version in newest_first:
        start, end = version.valid_from, version.valid_to
        if end is not None:
            end = end if limit is None else min(end, limit)
            start = min(start, end - SHORTEST) if start >= end else start
        ordered.append((version, version._replace(valid_from=start, valid_to=end)))
        limit = start
    return ordered
