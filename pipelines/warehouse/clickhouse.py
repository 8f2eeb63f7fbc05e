"""ClickHouse: times with microseconds, and lists that are sorted before they are joined."""

from typing import Any

from dlt.destinations.impl.clickhouse.typing import PARTITION_HINT, SETTINGS_HINT
from dlt.destinations.sql_client import SqlClientBase
from sqlglot import exp

from .engine import Engine, Query, transformed


class ClickHouse(Engine):
    """A ClickHouse database."""

    keeps_purged_rows = "parts that a mutation replaced, for about 8 minutes (`old_parts_lifetime`)"

    def update_statement(self, table: str, changes: str, condition: str) -> str:
        # There is no UPDATE. A mutation runs in the background, unless the statement waits for it.
        return f"ALTER TABLE {table} UPDATE {changes} WHERE {condition} SETTINGS mutations_sync = 1"

    def day_table_hints(self, day: str) -> dict[str, Any]:
        # By month: one INSERT may write at most 100 partitions. The day is empty where an event has no date.
        return {PARTITION_HINT: f"toYYYYMM({day})", SETTINGS_HINT: {"allow_nullable_key": True}}

    def current_moment(self, client: SqlClientBase[Any]) -> exp.Expr:
        # The usual function has whole seconds.
        return exp.func("now64", exp.Literal.number(6), dialect="clickhouse")

    def fixed_sql(self, query: Query) -> Query:
        return transformed(query, _fixed_node)


def _fixed_node(node: exp.Expr) -> exp.Expr:
    """DateTime has whole seconds until 2106, while dlt's tables have microseconds. No aggregate takes an order.

    Unix seconds have another function name, and a cast from text takes no offset.

    dlt splits what it sends at every semicolon, even in a comment or a text. So comments are dropped, and a semicolon
    in a text is a function call.
    """
    node.comments = None
    if isinstance(node, exp.Literal) and node.is_string and ";" in node.name:
        return _without_semicolons(node.name)
    if isinstance(node, exp.TimeToUnix):
        return exp.func("toUnixTimestamp", node.this)
    if isinstance(node, exp.Literal) and isinstance(node.parent, exp.Cast) and node.name.endswith("+00:00"):
        return exp.Literal.string(node.name.removesuffix("+00:00"))
    if isinstance(node, exp.DataType) and node.this == exp.DataType.Type.TIMESTAMPTZ:
        return exp.DataType.build("Nullable(DateTime64(6, 'UTC'))", dialect="clickhouse")
    if isinstance(node, exp.GroupConcat) and isinstance(node.this, exp.Order):
        return _sorted_list(node.this.this, node.this.expressions[0].this, node.args["separator"])
    return node


def _without_semicolons(text: str) -> exp.Expr:
    first, *rest = (exp.Literal.string(piece) for piece in text.split(";"))
    pieces: list[exp.Expr] = [first]
    for piece in rest:
        pieces += [exp.func("char", exp.Literal.number(59), dialect="clickhouse"), piece]
    return exp.func("concat", *pieces, dialect="clickhouse")


def _sorted_list(value: exp.Expr, key: exp.Expr, separator: exp.Expr) -> exp.Expr:
    """Collect pairs of key and value, sort them and join their values; NULL if there is none."""
    pair = exp.func("tuple", key, exp.func("assumeNotNull", value))
    pairs = exp.func("arraySort", exp.func("groupArrayIf", pair, exp.not_(value.copy().is_(exp.null()))))
    text = exp.func("arrayStringConcat", exp.func("tupleElement", pairs, exp.Literal.number(2)), separator)
    return exp.func("nullIf", text, exp.Literal.string(""))


ENGINE = ClickHouse
