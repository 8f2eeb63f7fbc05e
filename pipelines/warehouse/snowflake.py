"""Snowflake: large tables are clustered by day, and a session sees what others commit with a delay."""

from typing import Any

from .engine import Engine, off_unless_set


class Snowflake(Engine):
    """A Snowflake database."""

    keeps_purged_rows = (
        "Snowflake's Time Travel (`DATA_RETENTION_TIME_IN_DAYS`, 1 day by default), then its Fail-safe, 7 days"
    )
    noisy_packages = ("snowflake",)
    # With the account parameter READ_CONSISTENCY_MODE = 'SESSION', the default, a statement may miss what another
    # session committed just before. It is an account's, so a run cannot change it.
    settling_seconds = 1.0

    def destination_options(self) -> dict[str, Any]:
        # Staged files would hold purged events permanently.
        return {**super().destination_options(), **off_unless_set(self.name, "keep_staged_files")}

    def day_column_hints(self) -> dict[str, Any]:
        return {"cluster": True}


ENGINE = Snowflake
