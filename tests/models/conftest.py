"""Two pipelines on one destination, as the command line opens them: a DuckDB connection or a real PostgreSQL."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import dlt
import pytest

from tests.models.warehouse import Warehouse


@pytest.fixture(autouse=True)
def _no_json_hints() -> Iterator[None]:
    """The raw tables of the tests are loaded as Arrow, where dlt says on each load that text goes into json columns."""

    def keep(record: logging.LogRecord) -> bool:
        return "several column hints were different" not in record.getMessage()

    logging.getLogger("dlt").addFilter(keep)
    yield
    logging.getLogger("dlt").removeFilter(keep)


@pytest.fixture(params=["duckdb", "postgres"])
def warehouse(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Warehouse]:
    """A warehouse of each kind."""
    with open_warehouse(request.param, request, tmp_path) as opened:
        yield opened


@pytest.fixture
def duck(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Warehouse]:
    """A warehouse where the kind makes no difference."""
    with open_warehouse("duckdb", request, tmp_path) as opened:
        yield opened


@contextmanager
def open_warehouse(kind: str, request: pytest.FixtureRequest, folder: Path) -> Iterator[Warehouse]:
    connection: Any = None
    if kind == "duckdb":
        import duckdb

        connection = duckdb.connect(str(folder / "audit_log.duckdb"))
        connection.execute("set TimeZone = 'UTC'")
        destination = dlt.destinations.duckdb(connection, replace_strategy="insert-from-staging")
    else:
        address = request.getfixturevalue("postgres").new_database()
        destination = dlt.destinations.postgres(
            address.replace("postgres:@/", "postgres:none@localhost/"), replace_strategy="insert-from-staging"
        )
    yield Warehouse(destination)
    if connection:
        connection.close()
