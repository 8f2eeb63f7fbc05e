"""Snowflake: large tables are clustered by day."""

from typing import Any

from .engine import Engine, off_unless_set


class Snowflake(Engine):
    """A Snowflake database."""

    keeps_purged_rows = (
        "Snowflake's Time Travel (`DATA_RETENTION_TIME_IN_DAYS`, 1 day by default), then its Fail-safe, 7 days"
    )
    noisy_packages = ("snowflake",)

    def destination_options(self) -> dict[str, Any]:
        # Staged files would hold purged events for ever.
        return {**super().destination_options(), **off_unless_set(self.name, "keep_staged_files")}

    def day_column_hints(self) -> dict[str, Any]:
        return {"cluster": True}


ENGINE = Snowflake
