"""DuckLake: DuckDB's SQL over files and a catalogue."""

from .duckdb.comments import CATALOGUE
from .engine import Engine


class DuckLake(Engine):
    """A DuckLake."""

    comment_catalogue = CATALOGUE


ENGINE = DuckLake
