"""The shapes that questions share: counts a day, the first of a ranking, the newest rows."""

from collections.abc import Sequence

from sqlglot import exp, parse_one

from pipelines.common.names import DIALECT

Query = exp.Select
TOP, DETAILS = 15, 500


def select(sql: str, conditions: Sequence[exp.Condition] = ()) -> Query:
    """A query in DuckDB's SQL, under further conditions."""
    query = parse_one(sql, read=DIALECT)
    assert isinstance(query, exp.Select)
    return query.where(*conditions)


def by_day(table: str, measure: str, conditions: Sequence[exp.Condition], by: str = "", where: str = "") -> Query:
    """event_day, the column `by`, and a measure (`count(*) as changes`)."""
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
    """The first `TOP` keys by the first measure, each with the newest of its names.

    Args:
        key (str): Columns that are grouped by.
        then (str): What decides between equals before the key does.
    """
    columns = ", ".join([key, *map(newest_name, names), *measures])
    order = ", ".join(filter(None, [f"{measures[0].rpartition(' as ')[2]} desc", then, key]))
    sql = f"select {columns} from {table}{_where(where)} group by {key} order by {order} limit {TOP}"
    return select(sql, conditions)


def newest_rows(columns: str, table: str, conditions: Sequence[exp.Condition]) -> Query:
    """The newest `DETAILS` events."""
    return select(f"select {columns} from {table} order by occurred_at desc, event_id desc limit {DETAILS}", conditions)


def count_if(condition: str, name: str) -> str:
    """How many rows fulfil a condition; 0 where there is no row."""
    return f"cast(coalesce(sum(case when {condition} then 1 else 0 end), 0) as bigint) as {name}"


def total(column: str, name: str) -> str:
    """The sum of a column of whole numbers."""
    return f"cast(sum({column}) as bigint) as {name}"


def newest_name(column: str) -> str:
    """The name on the newest day that has one: things are renamed. Days are text of equal length in every database."""
    dated = f"case when {column} is not null then concat(cast(event_day as varchar), {column}) end"
    return f"substr(max({dated}), 11) as {column}"


def _where(condition: str) -> str:
    return f" where {condition}" if condition else ""
