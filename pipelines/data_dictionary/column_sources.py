"""Find the columns that a column of a model is computed from, with sqlglot's lineage."""

from collections.abc import Mapping

from sqlglot import exp
from sqlglot.lineage import Node, lineage

from pipelines.common.names import DIALECT
from pipelines.transform.column_types import Columns
from pipelines.transform.parse import Model
from pipelines.transform.validate import sqlglot_schema

# Table and column.
Source = tuple[str, str]


def column_sources(model: Model, known: Mapping[str, Columns]) -> dict[str, list[Source]]:
    """Return the columns of other tables that each column is computed from, sorted; none for a constant.

    Joins and filters select rows and are no source of a value, so they are left out.
    """
    schema = sqlglot_schema(model.stored_inputs, known)
    nodes = lineage(None, model.query, schema=schema, dialect=DIALECT)
    return {name: sorted(_leaves(nodes[name])) for name in model.columns}


def _leaves(root: Node) -> set[Source]:
    """Return the columns of tables at the ends; a step that several paths share is visited once."""
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
