"""Redshift: LISTAGG has its order outside the brackets, and FIRST_VALUE needs a frame."""

from typing import Any

from sqlglot import exp

from .engine import Engine, Query, transformed


class Redshift(Engine):
    """A Redshift database."""

    view_ending = " WITH NO SCHEMA BINDING"

    def day_column_hints(self) -> dict[str, Any]:
        return {"sort": True}

    def fixed_sql(self, query: Query) -> Query:
        return transformed(query, _fixed_node)


def _fixed_node(node: exp.Expr) -> exp.Expr:
    """Write LISTAGG(...) WITHIN GROUP (ORDER BY ...), and the frame that other engines take by default.

    A frame of rows is the same as the default frame for FIRST_VALUE only: for sums, rows of equal order would differ.
    """
    if isinstance(node, exp.Window) and isinstance(node.this, exp.FirstValue) and _lacks_frame(node):
        frame = exp.WindowSpec(kind="ROWS", start="UNBOUNDED", start_side="PRECEDING", end="CURRENT ROW", end_side=None)
        node.set("spec", frame)
        return node
    if isinstance(node, exp.GroupConcat) and isinstance(node.this, exp.Order):
        order = node.this
        listed = exp.GroupConcat(this=order.this, separator=node.args.get("separator"))
        return exp.WithinGroup(this=listed, expression=exp.Order(expressions=order.expressions))
    return node


def _lacks_frame(window: exp.Window) -> bool:
    return bool(window.args.get("order")) and not window.args.get("spec")


ENGINE = Redshift
