"""Two pipelines on one destination, as the command line opens them: a DuckDB connection or a real PostgreSQL."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import dlt
import duckdb
import pytest

from pipelines.warehouse.duckdb.merge import DirectDuckDb
from tests.support import scenario
from tests.support.json_hints import no_json_hints
from tests.support.model_warehouse import Warehouse
from tests.support.small_models import write_short_models


@pytest.fixture(params=["duckdb", "postgres"])
def warehouse(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Warehouse]:
    """An empty warehouse of each kind."""
    with open_warehouse(request.param, request, tmp_path) as opened:
        yield opened


@pytest.fixture
def short(tmp_path: Path) -> Path:
    """A folder with few of the models, fct_events among them."""
    return write_short_models(tmp_path / "models")


@pytest.fixture(scope="session")
def prepared(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a DuckDB file in which the scenario is loaded and enriched with few models."""
    folder = tmp_path_factory.mktemp("prepared")
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("DLT_DATA_DIR", str(folder / "dlt"))
        with open_warehouse("duckdb", request, folder) as warehouse:
            warehouse.load(**scenario.WORLD)
            warehouse.enrich(write_short_models(folder / "models"))
    return folder


@pytest.fixture
def loaded(request: pytest.FixtureRequest, tmp_path: Path, prepared: Path) -> Iterator[Warehouse]:
    """A DuckDB warehouse in which the scenario is loaded and enriched with few models."""
    shutil.copy(prepared / "audit_log.duckdb", tmp_path)
    with open_warehouse("duckdb", request, tmp_path) as opened:
        yield opened


@contextmanager
def open_warehouse(kind: str, request: pytest.FixtureRequest, folder: Path) -> Iterator[Warehouse]:
    connection: Any = None
    if kind == "duckdb":
        connection = duckdb.connect(str(folder / "audit_log.duckdb"))
        connection.execute("set TimeZone = 'UTC'")
        destination: Any = DirectDuckDb(connection, replace_strategy="insert-from-staging")
    else:
        address = request.getfixturevalue("postgres").new_database()
        destination = dlt.destinations.postgres(
            address.replace("postgres:@/", "postgres:none@localhost/"), replace_strategy="insert-from-staging"
        )
    with no_json_hints():
        yield Warehouse(destination)
    if connection:
        connection.close()
