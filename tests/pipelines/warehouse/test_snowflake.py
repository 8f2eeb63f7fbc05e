"""A Snowflake is loaded, enriched, checked and purged like a DuckDB file, with equal tables.

Run by `make test-snowflake`.
"""

import os
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Tenant
from tests.support.emulators import emulator
from tests.support.life import live_like_a_duckdb_file
from tests.support.same_tables import Tables


@pytest.fixture
def port() -> Iterator[str]:
    if "SNOWFLAKE_BIN" not in os.environ:
        pytest.skip("run by make test-snowflake")
    with emulator("SNOWFLAKE_BIN", "snowflake_server.py") as port:
        yield port


def test_a_snowflake_has_the_tables_of_a_duckdb_file(
    tenant: Tenant, port: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = {
        "PIPELINES__ANAPLAN_AUDIT__DESTINATION_TYPE": "snowflake",
        "DESTINATION__SNOWFLAKE__CREDENTIALS": (
            "snowflake://loader:none@account/ANAPLAN"
            f"?warehouse=LOADING&role=LOADER&host=127.0.0.1&port={port}&protocol=http"
        ),
    }
    live_like_a_duckdb_file(tenant, settings, lambda: snowflake_tables(port), tmp_path, monkeypatch)


def snowflake_tables(port: str) -> Tables:
    """Return the rows of the enriched tables as `tables_of` does."""
    from snowflake.connector import connect

    with connect(
        user="reader", password="none", account="account", database="ANAPLAN",
        host="127.0.0.1", port=port, protocol="http",
    ) as connection:  # fmt: skip

        def rows(query: str) -> list[tuple[Any, ...]]:
            return [tuple(row) for row in connection.cursor().execute(query).fetchall()]

        columns: dict[str, list[str]] = {}
        for table, column in rows(
            "select table_name, column_name from information_schema.columns"
            " where table_schema = 'ANAPLAN_AUDIT' order by 1, 2"
        ):
            if not table.startswith("_") and table != "CHECK_RESULTS" and not column.startswith("_DLT"):
                columns.setdefault(table.lower(), []).append(column.lower())
        return {
            table: sorted(
                (
                    tuple(map(_by_minute, row))
                    for row in rows(f"select {', '.join(sorted(names))} from anaplan_audit.{table}")
                ),
                key=str,
            )
            for table, names in columns.items()
        }


def _by_minute(value: Any) -> Any:
    return value.replace(second=0, microsecond=0) if isinstance(value, datetime) else value
