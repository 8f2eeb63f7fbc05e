"""Databricks: its sessions have the time zone of the warehouse."""

from typing import Any

from .engine import Engine, Query
from .moments import with_utc_midnights


class Databricks(Engine):
    """A Databricks SQL warehouse."""

    def day_column_hints(self) -> dict[str, Any]:
        # Liquid clustering: partitions of a day would be too small.
        return {"cluster": True}

    def fixed_sql(self, query: Query) -> Query:
        return with_utc_midnights(query)


ENGINE = Databricks
