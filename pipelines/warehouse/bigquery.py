"""BigQuery: JSON as text, its own hints for comments, its own time functions."""

from typing import Any

from sqlglot import exp

from .engine import Engine, Query, transformed

_SHORTER_THAN_A_DAY = ("HOUR", "MINUTE", "SECOND", "MILLISECOND")


class BigQuery(Engine):
    """A BigQuery project."""

    def destination_options(self) -> dict[str, Any]:
        from .bigquery_types import TextForJson

        return {**super().destination_options(), "type_mapper": TextForJson}

    def comment_hints(self, comment: str) -> dict[str, Any]:
        return {**super().comment_hints(comment), "x-bigquery-table-description": comment}

    def day_column_hints(self) -> dict[str, Any]:
        # One partition for each day. The limit of 10,000 is 27 years.
        return {"partition": True}

    def fixed_sql(self, query: Query) -> Query:
        return transformed(query, _fixed_node)


def _fixed_node(node: exp.Expr) -> exp.Expr:
    """DATE_DIFF counts days and longer units only: TIMESTAMP_DIFF counts the others. TIME_TO_UNIX does not exist."""
    if isinstance(node, exp.TimeToUnix):
        return exp.UnixSeconds(this=node.this)
    if isinstance(node, exp.DateDiff) and str(node.args.get("unit", "DAY")).upper() in _SHORTER_THAN_A_DAY:
        return exp.TimestampDiff(**node.args)
    return node


ENGINE = BigQuery
