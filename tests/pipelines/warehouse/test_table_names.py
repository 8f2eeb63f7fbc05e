"""Queries with the names that tables have in the destination, and the models that DuckDB gets as one text."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dlt
import duckdb
import pytest
from dlt.destinations.sql_client import SqlClientBase
from sqlglot import exp, parse_one

from pipelines.warehouse.duckdb.engine import DuckDb
from pipelines.warehouse.duckdb.merge import DirectDuckDb
from pipelines.warehouse.engine import Engine
from pipelines.warehouse.table_names import name_datasets

ROWS = [{"id": 1, "order": "it's \\n 100 % {x}"}, {"id": 2, "order": None}]
# The CTE, the column and the text need care: a name of SQL, quotes, and what parameters and formats look like.
SQL = """
with kept as (select t.id, t."order" from things as t where t."order" is null or t."order" = 'it''s \\n 100 % {x}')
select cast(id as bigint) as id, cast("order" as varchar) as "order", cast('%s ''?' as varchar) as sign
from kept
where id in (select id from things)
"""


@pytest.fixture
def pipeline(tmp_path: Path) -> Iterator[dlt.Pipeline]:
    with duckdb.connect(str(tmp_path / "names.duckdb")) as connection:
        pipeline = dlt.pipeline("names", destination=DirectDuckDb(connection), dataset_name="rows").drop()
        pipeline.run(ROWS, table_name="things")
        yield pipeline


def query_of(sql: str) -> exp.Query:
    parsed = parse_one(sql, dialect="duckdb")
    assert isinstance(parsed, exp.Query)
    return parsed


def test_tables_are_named_with_their_dataset_and_ctes_are_not() -> None:
    class Client:
        def __init__(self, *path: str) -> None:
            self.path = path

        def make_qualified_table_name_path(self, table: str, quote: bool) -> list[str]:
            return [*self.path, table]

    clients: Any = {"things": Client("file", "rows"), "others": Client("other")}
    query = query_of("with kept as (select * from things) select kept.id from kept join others as o using (id)")

    def client_of(table: str) -> SqlClientBase[Any]:
        client: SqlClientBase[Any] = clients[table]
        return client

    name_datasets(query, client_of)
    assert query.sql("duckdb") == (
        'WITH kept AS (SELECT * FROM "file"."rows"."things" AS things)'
        ' SELECT kept.id FROM kept JOIN "other"."others" AS o USING (id)'
    )


def test_duckdb_returns_the_rows_that_dlts_own_relation_returns(pipeline: dlt.Pipeline) -> None:
    engines = DuckDb("duckdb"), Engine("duckdb")
    own, general = (sorted(one.relation(pipeline.dataset(), query_of(SQL)).fetchall()) for one in engines)
    assert own == general == [(1, ROWS[0]["order"], "%s '?"), (2, None, "%s '?")]
