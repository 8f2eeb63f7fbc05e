"""Corrects what sqlglot's translation out of DuckDB's dialect gets wrong for a warehouse.

Each engine has its own rules (`Engine.fixed`). They change the query before it is translated.
"""

from .engine import Query, engine_named


def for_dialect(query: Query, dialect: str) -> Query:
    """Return the query so that its translation runs on the warehouse and means the same there."""
    # dlt names a destination like the dialect of its SQL, where that dialect needs a rule.
    return engine_named(dialect).fixed_sql(query)
