"""Each model translates for every warehouse, and what comes out parses there."""

import pytest
import sqlglot
from sqlglot import ErrorLevel, exp

from pipelines.model_files import MODELS_DIR, Model, read_part, read_tables

WAREHOUSES = ("postgres", "snowflake", "bigquery", "databricks", "redshift", "clickhouse", "trino", "spark")
QUERIES = {table.name: table.query for table in read_tables(MODELS_DIR) if isinstance(table, Model)}
QUERIES.update({file.stem: read_part(file).query for file in (MODELS_DIR / "checks").glob("*.sql")})


@pytest.mark.parametrize("warehouse", WAREHOUSES)
def test_every_model_translates(warehouse: str) -> None:
    for name, query in QUERIES.items():
        text = query.sql(warehouse, unsupported_level=ErrorLevel.RAISE)
        assert sqlglot.parse_one(text, dialect=warehouse).find(exp.Select), name


def test_no_model_uses_what_warehouses_do_differently() -> None:
    """JSON functions, regular expressions and "any value" differ between engines, or do not exist."""
    unportable = (
        exp.JSONExtract,
        exp.JSONExtractScalar,
        exp.RegexpLike,
        exp.RegexpReplace,
        exp.AnyValue,
        exp.ArgMax,
        exp.Filter,
    )
    assert {name: found.sql() for name, query in QUERIES.items() if (found := query.find(*unportable))} == {}
