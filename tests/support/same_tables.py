"""A small company that is loaded into two destinations, whose enriched tables are compared."""

from pathlib import Path
from typing import Any

import duckdb
import pytest

from tests.conftest import Tenant

# Not at the edge of a minute.
NOW = 1_795_000_000_000
SMALL: dict[str, Any] = {"events": 600, "days": 4, "users": 12, "models": 6, "rate_limit": 0, "server_date": True}
Tables = dict[str, list[tuple[Any, ...]]]


def use(environment: pytest.MonkeyPatch, settings: dict[str, str], folder: Path) -> None:
    for name, value in {**settings, "DLT_DATA_DIR": str(folder / "lake_dlt")}.items():
        environment.setenv(name, value)


def expect_success(tenant: Tenant, *arguments: str) -> None:
    outcome = tenant.run(*arguments)
    # The clock of the sandbox, which stamps versions and stands still, is not the machine's.
    assert outcome.code == 0 and all("this machine's clock" in line for line in outcome.err.splitlines()), outcome.err


def differing(tables: Tables, expected: Tables) -> list[str]:
    assert tables.keys() == expected.keys(), tables.keys() ^ expected.keys()
    return [name for name, rows in expected.items() if tables[name] != rows]


def file_tables(file: Path) -> Tables:
    with duckdb.connect(str(file), read_only=True) as connection:
        return tables_of(connection, "audit_log")


def tables_of(connection: duckdb.DuckDBPyConnection, database: str) -> Tables:
    """Return the rows of the enriched tables, with moments by the minute: those of loads differ by milliseconds."""
    connection.execute("set TimeZone = 'UTC'")
    columns = connection.execute(
        "select table_name, list(case when data_type = 'TIMESTAMP WITH TIME ZONE'"
        " then format('date_trunc(''minute'', {})', column_name) else column_name end order by column_name)"
        " from duckdb_columns() where database_name = ? and schema_name = 'anaplan_audit'"
        " and not starts_with(table_name, '_') and table_name <> 'check_results'"
        " and not starts_with(column_name, '_dlt') group by table_name",
        [database],
    ).fetchall()
    return {
        name: sorted(
            connection.sql(f"select {', '.join(names)} from {database}.anaplan_audit.{name}").fetchall(), key=str
        )
        for name, names in columns
    }
