"""Redshift: LISTAGG has its order outside the brackets."""

from sqlglot import exp

from .engine import Engine, Query, transformed


class Redshift(Engine):
    """A Redshift database."""

    def fixed(self, query: Query) -> Query:
        return transformed(query, _fixed_node)


def _fixed_node(node: exp.Expr) -> exp.Expr:
    """Write LISTAGG(...) WITHIN GROUP (ORDER BY ...)."""
    if isinstance(node, exp.GroupConcat) and isinstance(node.this, exp.Order):
        order = node.this
        listed = exp.GroupConcat(this=order.this, separator=node.args.get("separator"))
        return exp.WithinGroup(this=listed, expression=exp.Order(expressions=order.expressions))
    return node


ENGINE = Redshift
