"""Constant moments of the models, for engines whose sessions have a time zone that dlt leaves as it is."""

from typing import Any

from sqlglot import exp

from .engine import Query, transformed


def with_utc_midnights(query: Query) -> Query:
    """Return the query so that a constant day that becomes a moment begins in UTC, not in the session's time zone."""
    return transformed(query, _with_offset)


def _with_offset(node: Any) -> Any:
    day = node.this if isinstance(node, exp.Cast) and node.is_type(exp.DataType.Type.TIMESTAMPTZ) else None
    if isinstance(day, exp.Cast) and day.is_type(exp.DataType.Type.DATE) and day.this.is_string:
        return exp.cast(exp.Literal.string(f"{day.this.name} 00:00:00+00:00"), exp.DataType.Type.TIMESTAMPTZ)
    return node
