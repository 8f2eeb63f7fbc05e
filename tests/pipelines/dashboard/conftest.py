"""A small log with hostile names in it, enriched once, and the pages over it."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from pipelines.publish.target import publish
from pipelines.warehouse.pipelines import Pipelines
from tests.conftest import REPOSITORY
from tests.support.hostile_log import WORLD
from tests.support.model_warehouse import open_warehouse


@pytest.fixture(autouse=True)
def _nothing_cached() -> Iterator[None]:
    """Streamlit's caches are of the process."""
    import streamlit as st

    yield
    st.cache_data.clear()
    st.cache_resource.clear()


@pytest.fixture(scope="session")
def prepared(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A DuckDB file with the log, enriched and checked; beside it `copy.duckdb` and the folder `copy`, published."""
    folder = tmp_path_factory.mktemp("dashboard")
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("DLT_DATA_DIR", str(folder / "dlt"))
        with open_warehouse("duckdb", request, folder) as warehouse:
            warehouse.load(**WORLD)
            warehouse.enrich()
            warehouse.check()
            for copy in ("copy.duckdb", "copy"):
                publish(Pipelines(warehouse.raw, warehouse.enriched), str(folder / copy))
    return folder / "audit_log.duckdb"


@pytest.fixture
def log(prepared: Path, database: Path) -> Path:
    """The log as the database of this test."""
    shutil.copy(prepared, database)
    return database


@pytest.fixture
def page(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], AppTest]:
    """Draws a page."""
    monkeypatch.chdir(REPOSITORY)

    def draw(name: str) -> AppTest:
        return AppTest.from_string(
            f"from pipelines.dashboard.app import show\nshow({name!r})", default_timeout=60
        ).run()

    return draw
