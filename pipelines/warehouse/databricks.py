"""Databricks: its sessions have the time zone of the warehouse."""

from typing import Any

from .engine import Engine, Query, off_unless_set
from .moments import with_utc_midnights


class Databricks(Engine):
    """A Databricks SQL warehouse."""

    keeps_purged_rows = "old versions of Delta tables, until VACUUM removes files that are older than 7 days"

    def destination_options(self) -> dict[str, Any]:
        # Staged files would hold purged events permanently.
        return {**super().destination_options(), **off_unless_set(self.name, "keep_staged_files")}

    def day_column_hints(self) -> dict[str, Any]:
        # Liquid clustering: partitions of a day would be too small.
        return {"cluster": True}

    def fixed_sql(self, query: Query) -> Query:
        return with_utc_midnights(query)


ENGINE = Databricks
