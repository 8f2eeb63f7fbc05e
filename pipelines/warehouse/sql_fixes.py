"""Mends what sqlglot's translation out of DuckDB's dialect gets wrong for a warehouse.

Each rule changes the query before it is translated; every other warehouse gets the query as it is.
"""

from collections.abc import Callable
from typing import Any, TypeVar

from sqlglot import exp

Query = TypeVar("Query", bound=exp.Query)
_BELOW_A_DAY = ("HOUR", "MINUTE", "SECOND", "MILLISECOND")


def for_dialect(query: Query, dialect: str) -> Query:
    """The query, written so that it translates into SQL that the warehouse accepts and means the same there."""
    rule = _RULES.get(dialect)
    return query.transform(rule) if rule else query


def _bigquery(node: exp.Expr) -> exp.Expr:
    """DATE_DIFF counts days and longer only; moments are compared by TIMESTAMP_DIFF. Seconds since 1970 have a name."""
    if isinstance(node, exp.TimeToUnix):
        return exp.UnixSeconds(this=node.this)
    if isinstance(node, exp.DateDiff) and str(node.args.get("unit", "DAY")).upper() in _BELOW_A_DAY:
        return exp.TimestampDiff(**node.args)
    return node


def _redshift(node: exp.Expr) -> exp.Expr:
    """LISTAGG takes its order behind the brackets."""
    if isinstance(node, exp.GroupConcat) and isinstance(node.this, exp.Order):
        order = node.this
        listed = exp.GroupConcat(this=order.this, separator=node.args.get("separator"))
        return exp.WithinGroup(this=listed, expression=exp.Order(expressions=order.expressions))
    return node


def _clickhouse(node: exp.Expr) -> exp.Expr:
    """DateTime holds whole seconds until 2106, dlt's tables hold microseconds; no aggregate takes an order.

    Seconds since 1970 have a name of their own, and no cast from text takes an offset.
    """
    if isinstance(node, exp.TimeToUnix):
        return exp.func("toUnixTimestamp", node.this)
    if isinstance(node, exp.Literal) and isinstance(node.parent, exp.Cast) and node.name.endswith("+00:00"):
        return exp.Literal.string(node.name.removesuffix("+00:00"))
    if isinstance(node, exp.DataType) and node.this == exp.DataType.Type.TIMESTAMPTZ:
        return exp.DataType.build("Nullable(DateTime64(6, 'UTC'))", dialect="clickhouse")
    if isinstance(node, exp.GroupConcat) and isinstance(node.this, exp.Order):
        return _sorted_list(node.this.this, node.this.expressions[0].this, node.args["separator"])
    return node


def _sorted_list(value: exp.Expr, key: exp.Expr, separator: exp.Expr) -> exp.Expr:
    """Pairs of key and value are collected, sorted, and their values joined; NULL where there is none."""
    pair = exp.func("tuple", key, exp.func("assumeNotNull", value))
    pairs = exp.func("arraySort", exp.func("groupArrayIf", pair, exp.not_(value.copy().is_(exp.null()))))
    text = exp.func("arrayStringConcat", exp.func("tupleElement", pairs, exp.Literal.number(2)), separator)
    return exp.func("nullIf", text, exp.Literal.string(""))


_RULES: dict[str, Callable[[Any], Any]] = {
    "bigquery": _bigquery,
    "redshift": _redshift,
    "clickhouse": _clickhouse,
}
