"""MotherDuck: DuckDB's SQL on a server."""

from .duckdb.comments import CATALOGUE
from .engine import Engine


class MotherDuck(Engine):
    """A MotherDuck database."""

    comment_catalogue = CATALOGUE
    materializes_repeated_ctes = True


ENGINE = MotherDuck
