"""Snowflake: large tables are clustered by day."""

from typing import Any

from .engine import Engine


class Snowflake(Engine):
    """A Snowflake database."""

    def day_column_hints(self) -> dict[str, Any]:
        return {"cluster": True}


ENGINE = Snowflake
