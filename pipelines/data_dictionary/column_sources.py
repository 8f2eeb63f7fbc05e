"""Which columns a column of a model is computed from, after sqlglot's lineage."""

from collections.abc import Mapping

from sqlglot import exp
from sqlglot.lineage import Node, lineage

from pipelines.common.names import DIALECT
from pipelines.transform.graph import Columns, sqlglot_type
from pipelines.transform.parse import Model

# Table and column.
Source = tuple[str, str]


def column_sources(model: Model, known: Mapping[str, Columns]) -> dict[str, list[Source]]:
    """The columns of other tables that the values of each column are computed from, sorted; none for a constant.

    Joins and filters decide which rows there are, not what a column is computed from, and are left out.
    """
    found: dict[str, set[Source]] = {name: set() for name in model.columns}
    for part in model.parts:
        schema = {table: {name: sqlglot_type(kind) for name, kind in known[table].items()} for table in part.inputs}
        nodes = lineage(None, part.query.copy(), schema=schema, dialect=DIALECT)
        for name in model.columns:
            found[name] |= _leaves(nodes[name])
    return {name: sorted(sources) for name, sources in found.items()}


def _leaves(root: Node) -> set[Source]:
    """The tables' columns at the ends; steps that several paths share are walked once."""
    seen: set[int] = set()
    found: set[Source] = set()
    rest = [root]
    while rest:
        node = rest.pop()
        if id(node) in seen:
            continue
        seen.add(id(node))
        rest += node.downstream
        if not node.downstream and isinstance(node.expression, exp.Table):
            found.add((node.expression.name, exp.to_column(node.name).name))
    return found
