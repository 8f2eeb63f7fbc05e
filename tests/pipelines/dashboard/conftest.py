"""A small log with hostile names, enriched once a session, and a function that draws pages."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from pipelines.publish.target import publish
from pipelines.warehouse.pipelines import Pipelines
from tests.conftest import REPOSITORY
from tests.support.hostile_log import WORLD
from tests.support.model_warehouse import open_shared_warehouse
from tests.support.prepared import shared_folder


@pytest.fixture(autouse=True)
def _nothing_cached() -> Iterator[None]:
    """Clear Streamlit's caches, which belong to the process."""
    import streamlit as st

    yield
    st.cache_data.clear()
    st.cache_resource.clear()


@pytest.fixture(scope="session")
def prepared(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a DuckDB file with the log, enriched and checked, and published beside it as `copy.duckdb` and `copy`."""

    def fill(folder: Path) -> None:
        with open_shared_warehouse("duckdb", request, folder) as warehouse:
            warehouse.load(**WORLD)
            warehouse.enrich()
            warehouse.check()
            for copy in ("copy.duckdb", "copy"):
                publish(Pipelines(warehouse.raw, warehouse.enriched), str(folder / copy))

    return shared_folder(tmp_path_factory, "dashboard", fill) / "audit_log.duckdb"


@pytest.fixture
def log(prepared: Path, database: Path) -> Path:
    """Return a copy of the log as the database of the test."""
    shutil.copy(prepared, database)
    return database


@pytest.fixture
def page(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], AppTest]:
    """Return a function that draws a page."""
    monkeypatch.chdir(REPOSITORY)

    def draw(name: str) -> AppTest:
        return AppTest.from_string(
            f"from pipelines.dashboard.app import show\nshow({name!r})", default_timeout=60
        ).run()

    return draw
