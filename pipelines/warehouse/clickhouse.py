"""ClickHouse: times with microseconds, and lists that are sorted before they are joined."""

from typing import Any

import dlt
from dlt.destinations.impl.clickhouse.typing import PARTITION_HINT, SETTINGS_HINT
from dlt.destinations.sql_client import SqlClientBase
from sqlglot import exp
from sqlglot.optimizer.qualify import qualify

from pipelines.common.names import DIALECT

from .engine import Engine, Query, transformed
from .moments import with_utc_midnights


class ClickHouse(Engine):
    """A ClickHouse database."""

    keeps_purged_rows = "parts that a mutation replaced, for about 8 minutes (`old_parts_lifetime`)"

    def update_statement(self, table: str, changes: str, condition: str) -> str:
        # There is no UPDATE. A mutation runs in the background, unless the statement waits for it.
        return f"ALTER TABLE {table} UPDATE {changes} WHERE {condition} SETTINGS mutations_sync = 1"

    def day_table_hints(self, day: str) -> dict[str, Any]:
        # By month: one INSERT may write at most 100 partitions. The day is empty where an event has no date.
        return {PARTITION_HINT: f"toYYYYMM({day})", **self.key_table_hints()}

    def key_table_hints(self) -> dict[str, Any]:
        return {SETTINGS_HINT: {"allow_nullable_key": True}}

    def current_moment(self, client: SqlClientBase[Any]) -> exp.Expr:
        # The usual function has whole seconds.
        return exp.func("now64", exp.Literal.number(6), dialect="clickhouse")

    def fixed_sql(self, query: Query) -> Query:
        # A Date begins in 1970.
        return _with_equal_types(transformed(with_utc_midnights(_with_sources(query)), _fixed_node))

    def relation(self, dataset: dlt.Dataset, query: exp.Query, other: dlt.Dataset | None = None) -> dlt.Relation:
        # dlt names the columns behind a star itself, unless there are two datasets.
        return super().relation(dataset, query if other is None else _without_stars(query, dataset, other), other)


def _without_stars(query: exp.Query, *datasets: dlt.Dataset) -> exp.Query:
    """Name the columns behind each star: of a join, ClickHouse calls those `e.name` that more than one table has."""
    tables: dict[str, object] = {
        name: {column: str(hints.get("data_type", "text")) for column, hints in table["columns"].items()}
        for dataset in datasets
        for name, table in dataset.schema.tables.items()
    }
    named = qualify(
        query,
        schema=tables,
        dialect=DIALECT,
        expand_alias_refs=False,
        validate_qualify_columns=False,
        quote_identifiers=False,
    )
    assert isinstance(named, exp.Query)
    return named


def _with_sources(query: Query) -> Query:
    """Name the source of columns whose name an alias of the same SELECT has.

    In WHERE, GROUP BY and other columns, ClickHouse and sqlglot would take the expression behind the alias. The other
    engines take the column of the source.
    """
    for select in query.find_all(exp.Select):
        _name_columns(select)
        source = select.args.get("from_")
        if source is None or select.args.get("joins"):
            continue
        aliases = {one.alias: one.this for one in select.selects if isinstance(one, exp.Alias)}
        for column in _columns_of(select):
            if not column.table and _hides_column(aliases.get(column.name), column.name):
                column.set("table", exp.to_identifier(source.this.alias_or_name))
    return query


def _name_columns(select: exp.Select) -> None:
    """Give each column of a table its own name as an alias: of a join, ClickHouse may call it `e.name`."""
    for column in select.selects:
        if isinstance(column, exp.Column) and column.table and not column.is_star:
            column.replace(exp.alias_(column.copy(), column.name))


def _columns_of(select: exp.Select) -> list[exp.Column]:
    parts = [*select.selects, select.args.get("where"), select.args.get("group")]
    return [
        column
        for part in parts
        if part is not None
        for column in part.find_all(exp.Column)
        if column.find_ancestor(exp.Select) is select
    ]


def _hides_column(aliased: exp.Expr | None, name: str) -> bool:
    return aliased is not None and not (isinstance(aliased, exp.Column) and aliased.name == name)


def _fixed_node(node: exp.Expr) -> exp.Expr:
    """DateTime has whole seconds until 2106, while dlt's tables have microseconds. No aggregate takes an order.

    Unix seconds have another function name, and a cast from text takes no offset.

    dlt splits what it sends at every semicolon, even in a comment or a text. So comments are dropped, and a semicolon
    in a text is a function call.
    """
    node.comments = None
    if isinstance(node, exp.Literal) and node.is_string and ";" in node.name:
        return _without_semicolons(node.name)
    if isinstance(node, exp.Translate):
        # Names of functions are case-sensitive, and sqlglot writes this one in upper case unless it was read.
        node.meta["name"] = "translate"
    if isinstance(node, exp.TimeToUnix):
        micros = exp.func("toUnixTimestamp64Micro", node.this, dialect="clickhouse")
        return exp.paren(exp.Div(this=micros, expression=exp.Literal.number(1_000_000)), copy=False)
    if isinstance(node, exp.Literal) and isinstance(node.parent, exp.Cast) and node.name.endswith("+00:00"):
        return exp.Literal.string(node.name.removesuffix("+00:00"))
    if isinstance(node, exp.DataType) and node.this == exp.DataType.Type.TIMESTAMPTZ:
        return exp.DataType.build("Nullable(DateTime64(6, 'UTC'))", dialect="clickhouse")
    if isinstance(node, exp.GroupConcat) and isinstance(node.this, exp.Order):
        return _sorted_list(node.this.this, node.this.expressions[0].this, node.args["separator"])
    return node


def _with_equal_types(query: Query) -> Query:
    """Make whole numbers Int64: one of rows would be UInt64, and one that was rounded a float.

    ClickHouse has no common type for them and Int64, so the result of a CASE or a UNION would have several.
    """
    for node in reversed(list(query.find_all(exp.RowNumber, exp.Count, exp.Floor))):
        window = node.parent
        whole = window if isinstance(window, exp.Window) and node.arg_key == "this" else node
        whole.replace(exp.cast(whole.copy(), exp.DataType.build("Nullable(Int64)", dialect="clickhouse")))
    return query


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
