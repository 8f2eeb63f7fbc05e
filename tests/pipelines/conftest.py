"""Warehouses for the model tests: empty, or with a loaded scenario."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support import scenario
from tests.support.crash_world import write_few_models
from tests.support.model_warehouse import Warehouse, open_shared_warehouse, open_warehouse
from tests.support.month import OF_A_MONTH
from tests.support.prepared import shared_folder
from tests.support.read_models import ModelFolders, read_models_once
from tests.support.small_models import build_only, write_short_models

read_models_once()


@pytest.fixture(params=["duckdb", "postgres"])
def warehouse(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Warehouse]:
    """Open an empty warehouse of each kind."""
    with open_warehouse(request.param, request, tmp_path) as opened:
        yield opened


@pytest.fixture
def short(tmp_path: Path) -> Path:
    """Return a folder with a few models, including fct_events."""
    return write_short_models(tmp_path / "models")


@pytest.fixture(scope="session")
def models_of(tmp_path_factory: pytest.TempPathFactory) -> ModelFolders:
    """Return a function that returns a folder with some of the real models."""
    return ModelFolders(tmp_path_factory)


@pytest.fixture
def few_models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Make `run`, `enrich` and `check` build a few models, for tests that are not about the models.

    A first enrichment of all models takes about four seconds of CPU.
    """
    build_only(Path(write_few_models(tmp_path / "few_models")), monkeypatch)


@pytest.fixture
def models(request: pytest.FixtureRequest) -> str:
    """Build the models of the fixture that the parameter names, or all models if it names none. See `with_models`."""
    if request.param:
        request.getfixturevalue(request.param)
    return str(request.param)


@pytest.fixture
def month_models(models_of: ModelFolders, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Make `run`, `enrich` and `check` build facts, numbers by day and what is known of users."""
    folder = models_of(*OF_A_MONTH)
    build_only(folder, monkeypatch)
    return folder


@pytest.fixture
def user_model(models_of: ModelFolders, monkeypatch: pytest.MonkeyPatch) -> None:
    """Make `run`, `enrich` and `check` build `dim_users` only, as `few_models` does."""
    build_only(models_of("dim_users"), monkeypatch)


@pytest.fixture
def event_model(models_of: ModelFolders, monkeypatch: pytest.MonkeyPatch) -> None:
    """Make `run`, `enrich` and `check` build `fct_events` only, as `few_models` does."""
    build_only(models_of("fct_events"), monkeypatch)


@pytest.fixture(scope="session")
def prepared(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with a DuckDB file of the scenario, loaded and enriched with a few models."""

    def fill(folder: Path) -> None:
        with open_shared_warehouse("duckdb", request, folder) as warehouse:
            warehouse.load(**scenario.WORLD)
            warehouse.enrich(write_short_models(folder / "models"))

    return shared_folder(tmp_path_factory, "scenario", fill)


@pytest.fixture(scope="session")
def enriched_scenario(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a DuckDB file of the scenario with old events, enriched with all models. Copy it before writing to it."""

    def fill(folder: Path) -> None:
        with open_shared_warehouse("duckdb", request, folder) as warehouse:
            warehouse.load(**scenario.LONG_WORLD)
            warehouse.enrich()

    return shared_folder(tmp_path_factory, "enriched-scenario", fill) / "audit_log.duckdb"


@pytest.fixture
def loaded(request: pytest.FixtureRequest, tmp_path: Path, prepared: Path) -> Iterator[Warehouse]:
    """Open a copy of the prepared DuckDB file."""
    shutil.copy(prepared / "audit_log.duckdb", tmp_path)
    with open_warehouse("duckdb", request, tmp_path) as opened:
        yield opened
