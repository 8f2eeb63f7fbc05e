"""Builders that the queries share: counts by day, rankings, newest rows."""

from collections.abc import Sequence

from sqlglot import exp, parse_one

from pipelines.common import figures
from pipelines.common.names import DIALECT

Query = exp.Select
TOP, DETAILS = 15, 500


def select(sql: str, conditions: Sequence[exp.Condition] = ()) -> Query:
    """Return a query in DuckDB's SQL with further conditions."""
    query = parse_one(sql, read=DIALECT)
    assert isinstance(query, exp.Select)
    return query.where(*conditions)


def by_day(table: str, measure: str, conditions: Sequence[exp.Condition], by: str = "", where: str = "") -> Query:
    """Return event_day, the column `by`, and a measure (`count(*) as changes`)."""
    columns = f"event_day, {by}" if by else "event_day"
    return select(f"select {columns}, {measure} from {table}{_where(where)} group by {columns}", conditions)


def ranking(
    table: str,
    key: str,
    measures: Sequence[str],
    conditions: Sequence[exp.Condition],
    names: Sequence[str] = (),
    where: str = "",
    then: str = "",
) -> Query:
    """Return the `TOP` keys by the first measure, each with its newest names.

    Args:
        key (str): Columns to group by.
        then (str): Tie-breaker before the key.
    """
    columns = ", ".join([key, *map(newest_name, names), *measures])
    order = ", ".join(filter(None, [f"{measures[0].rpartition(' as ')[2]} desc", then, key]))
    sql = f"select {columns} from {table}{_where(where)} group by {key} order by {order} limit {TOP}"
    return select(sql, conditions)


def newest_rows(columns: str, table: str, conditions: Sequence[exp.Condition]) -> Query:
    """Return the newest `DETAILS` events."""
    return select(f"select {columns} from {table} order by occurred_at desc, event_id desc limit {DETAILS}", conditions)


def count_if(condition: str, name: str) -> str:
    """Return SQL for the number of rows that fulfil a condition; 0 if there are no rows."""
    return f"cast(coalesce(sum(case when {condition} then 1 else 0 end), 0) as bigint) as {name}"


def total(column: str, name: str) -> str:
    """Return SQL for the sum of an integer column."""
    return f"cast(sum({column}) as bigint) as {name}"


def newest_name(column: str) -> str:
    """Return SQL for the newest name, under the name of the column."""
    return f"{figures.newest_name(column)} as {column}"


def _where(condition: str) -> str:
    return f" where {condition}" if condition else ""
