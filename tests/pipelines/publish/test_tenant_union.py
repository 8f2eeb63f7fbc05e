"""One query over the tables of several tenants, in the SQL of each destination."""

import duckdb
import pytest
import sqlglot
from sqlglot import exp

from pipelines.publish.tenant_union import Dialect, Part, common_columns, union_query
from pipelines.publish.writer import quoted, text_literal

PARTS = [
    Part("eu", "eu.t", {"user_key": "text", "size": "bigint", "at": "timestamp"}),
    Part("us", "us.t", {"size": "text", "user_key": "text", 'od"d': "bool"}),
]


def test_columns_are_aligned_by_name_and_type() -> None:
    assert common_columns(PARTS) == {"user_key": "text", "size": "text", "at": "timestamp", 'od"d': "bool"}
    with duckdb.connect() as database:
        database.execute("create schema eu; create schema us")
        database.execute("create table eu.t as select 'k' as user_key, 7::bigint as size, timestamptz 'epoch' as at")
        database.execute("create table us.t as select 'big' as size, 'k' as user_key, true as \"od\"\"d\"")
        rows = database.execute(union_query(PARTS, Dialect("duckdb", quoted, text_literal)))
        assert [(one[0], str(one[1])) for one in rows.description] == [
            *(("tenant", "VARCHAR"), ("user_key", "VARCHAR"), ("size", "VARCHAR")),
            *(("at", "TIMESTAMP WITH TIME ZONE"), ('od"d', "BOOLEAN")),
        ]
        found = rows.fetchall()
    assert [(*row[:3], row[3] is None, row[4]) for row in found] == [
        ("eu", "eu:k", "7", False, None),
        ("us", "us:k", "big", True, True),
    ]


@pytest.mark.parametrize(
    "dialect", ["duckdb", "postgres", "snowflake", "bigquery", "databricks", "redshift", "clickhouse"]
)
def test_every_destination_reads_it(dialect: str) -> None:
    def column(name: str) -> str:
        return exp.to_identifier(name, quoted=True).sql(dialect)

    def text(value: str) -> str:
        return exp.Literal.string(value).sql(dialect)

    query = sqlglot.parse_one(union_query(PARTS, Dialect(dialect, column, text)), dialect=dialect)
    assert isinstance(query, exp.Union)
    assert query.named_selects == ["tenant", "user_key", "size", "at", 'od"d']
    nulls = {one.to.sql("duckdb") for one in query.find_all(exp.Cast) if isinstance(one.this, exp.Null)}
    # ClickHouse has one type of moments, always in UTC.
    assert nulls == {"BOOLEAN", "TIMESTAMP" if dialect == "clickhouse" else "TIMESTAMPTZ"}
