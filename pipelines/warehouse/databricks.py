"""Databricks: its sessions have the time zone of the warehouse."""

from .engine import Engine, Query
from .moments import with_utc_midnights


class Databricks(Engine):
    """A Databricks SQL warehouse."""

    def fixed_sql(self, query: Query) -> Query:
        return with_utc_midnights(query)


ENGINE = Databricks
