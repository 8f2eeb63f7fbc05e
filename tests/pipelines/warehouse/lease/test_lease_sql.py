"""The statements of the lease as they are sent to each warehouse."""

import dlt
import duckdb
import pytest
import sqlglot
from sqlglot import exp

from pipelines.warehouse.engine import engine_named
from pipelines.warehouse.lease.rules import Owner
from pipelines.warehouse.lease.table import COLUMNS, deletion, insertion, lease_schema, selection
from tests.support.translation import CASE_FOLDING

LISTED = "claim_id, renewal, claimed_at, lease_seconds, host, pid"
# The moment is the destination's, as a value of its own type for moments with a time zone.
NOW = {
    "snowflake": "CAST(CURRENT_TIMESTAMP() AS TIMESTAMPTZ)",
    "bigquery": "CAST(CURRENT_TIMESTAMP() AS TIMESTAMP)",
    "databricks": "CAST(CURRENT_TIMESTAMP() AS TIMESTAMP)",
    "redshift": "CAST(GETDATE() AS TIMESTAMP WITH TIME ZONE)",
    "clickhouse": "CAST(now64(6) AS Nullable(DateTime64(6, 'UTC')))",
    "postgres": "CAST(CURRENT_TIMESTAMP AS TIMESTAMPTZ)",
    "duckdb": "CAST(CURRENT_TIMESTAMP AS TIMESTAMPTZ)",
}


@pytest.mark.parametrize("kind", NOW)
def test_statements_are_those_of_the_warehouse(kind: str) -> None:
    folding = {"casefold_identifier": CASE_FOLDING[kind]} if kind in CASE_FOLDING else {}
    with duckdb.connect() as connection:
        destination = dlt.destinations.duckdb(connection, sqlglot_dialect=kind, **folding)
        client = dlt.dataset(destination, "anaplan_audit_raw", schema=lease_schema()).sql_client
        engine = engine_named(kind)
        insert = insertion(client, engine, Owner("a1", "etl-1", 7), 2, 900)
        read, delete = selection(client, engine), deletion(client, ["a1", "b2"])
    quote = "`" if kind in ("bigquery", "databricks") else '"'
    names = ("ANAPLAN_AUDIT_RAW", "RUN_LEASES") if folding else ("anaplan_audit_raw", "run_leases")
    table = ".".join(f"{quote}{name}{quote}" for name in names)
    assert insert == f"INSERT INTO {table} ({LISTED}) SELECT 'a1', 2, {NOW[kind]}, 900, 'etl-1', 7"
    assert read == f"SELECT {LISTED} FROM {table} AS run_leases"
    assert delete == f"DELETE FROM {table} WHERE claim_id IN ('a1', 'b2')"
    for statement in (insert, read, delete):
        # dlt sends a text with a semicolon to ClickHouse as two statements, and drivers format percent signs.
        assert ";" not in statement and "%" not in statement
        assert not list(sqlglot.parse_one(statement, dialect=kind).find_all(exp.Command))


def test_columns_are_those_of_the_table() -> None:
    assert ", ".join(COLUMNS) == LISTED
    assert list(lease_schema().get_table_columns("run_leases")) == list(COLUMNS)


@pytest.mark.parametrize(
    ("kind", "has_lease", "seconds"),
    [
        ("duckdb", False, 0),
        ("postgres", False, 0),
        ("snowflake", True, 1),
        ("bigquery", True, 0),
        ("databricks", True, 0),
        ("redshift", True, 0),
        ("clickhouse", True, 0),
        ("motherduck", True, 0),
        ("ducklake", True, 0),
    ],
)
def test_engines_without_a_lock_have_a_lease(kind: str, has_lease: bool, seconds: float) -> None:
    assert (engine_named(kind).has_lease, engine_named(kind).settling_seconds) == (has_lease, seconds)


def test_lake_asks_the_server_of_its_catalogue_for_the_time() -> None:
    """DuckDB's own clock is that of the machine."""

    class Client:
        class credentials:
            ducklake_name = "lake"

            class catalog:
                drivername = "postgres"

    moment = engine_named("ducklake").current_moment(Client)  # type: ignore[arg-type]
    asked = "(SELECT * FROM POSTGRES_QUERY('__ducklake_metadata_lake', 'select current_timestamp'))"
    assert moment.sql("duckdb") == asked
    Client.credentials.catalog.drivername = "mysql"
    assert engine_named("ducklake").current_moment(Client).sql("duckdb") == "CURRENT_TIMESTAMP"  # type: ignore[arg-type]
