"""MotherDuck: DuckDB's SQL on a server."""

from .dlt_internals import causes
from .duckdb.comments import CATALOGUE
from .duckdb.errors import lacks_column
from .engine import Engine


class MotherDuck(Engine):
    """A MotherDuck database."""

    comment_catalogue = CATALOGUE
    materializes_repeated_ctes = True

    def lacks_column(self, error: BaseException) -> bool:
        return lacks_column(causes(error))


ENGINE = MotherDuck
