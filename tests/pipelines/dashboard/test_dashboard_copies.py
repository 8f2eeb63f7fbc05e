"""Pages read the copy of `publish_to`, whatever the state of the database, and show that they do."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import duckdb
import pytest
from streamlit.testing.v1 import AppTest

from pipelines.cli import demo_data
from pipelines.dashboard import cached, data_access
from tests.support.dashboard_pages import Draw, numbers, writer

SETTING = "PIPELINES__ANAPLAN_AUDIT_ENRICH__PUBLISH_TO"


@pytest.fixture(params=["copy.duckdb", "copy"])
def copy(prepared: Path, tmp_path: Path, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a published copy for the test: a DuckDB file, or a link to a folder."""
    original, mine = prepared.with_name(request.param), tmp_path / request.param
    if original.is_dir():
        shutil.copytree(original.resolve(), tmp_path / original.resolve().name)
        mine.symlink_to(original.resolve().name)
    else:
        shutil.copy(original, mine)
    monkeypatch.setenv(SETTING, str(mine))
    monkeypatch.setattr(cached, "SHORT_WAIT", 0.0)
    monkeypatch.setattr(data_access, "WAIT_SECONDS", 0.0)
    return mine


def footer(page: AppTest) -> str:
    return next(caption.value for caption in page.sidebar.caption if caption.value.startswith("Data: "))


def test_a_load_does_not_block_readers_of_the_copy(log: Path, copy: Path, page: Draw) -> None:
    free = {name: numbers(page(name)) for name in ("overview", "health")}
    with writer(log):
        for name, before in free.items():
            drawn = page(name)
            assert not drawn.exception and not drawn.info
            assert numbers(drawn) == before
            assert footer(drawn).startswith(f"Data: copy {data_access.relative(copy)}, published ")
    assert free["overview"]["Days with gaps"] == "3" and free["health"]["Days complete"] != "0"


def test_check_results_are_read_from_the_database(log: Path, copy: Path, page: Draw) -> None:
    with duckdb.connect(str(log)) as connection:
        connection.execute("update anaplan_audit.check_results set status = 'failed'")
        connection.execute("delete from anaplan_audit.fct_access_changes")
    assert numbers(page("health"))["Checks failed"] != "0"
    assert numbers(page("access"))["Access changes"] != "0", "the copy has them"


def _remove(copy: Path) -> None:
    copy.unlink()


def _spoil(copy: Path) -> None:
    for file in [copy] if copy.is_file() else list(copy.iterdir()):
        file.write_text("nothing of the kind")


@pytest.mark.parametrize("harm", [_remove, _spoil])
def test_database_is_read_if_the_copy_is_missing(
    log: Path, copy: Path, page: Draw, harm: Callable[[Path], None]
) -> None:
    harm(copy)
    drawn = page("overview")
    assert not drawn.exception and numbers(drawn)["Days with gaps"] == "3"
    assert footer(drawn).startswith(f"Data: {data_access.relative(log)}, enriched ")


def test_a_table_missing_in_the_copy_is_read_from_the_database(log: Path, copy: Path, page: Draw) -> None:
    if copy.is_dir():
        (copy / "event_windows.parquet").unlink()
    else:
        with duckdb.connect(str(copy)) as connection:
            connection.execute("drop table anaplan_audit_raw.event_windows")
    drawn = page("overview")
    assert footer(drawn).startswith("Data: copy ")
    assert numbers(drawn)["Days with gaps"] == "3"


def test_a_copy_is_enough_and_takes_precedence_over_the_demo(
    database: Path, copy: Path, page: Draw, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("overview", "health"):
        drawn = page(name)
        assert not drawn.exception and footer(drawn).startswith("Data: copy ")
    assert numbers(drawn)["Days with gaps"] == "3" and not database.exists()
    (demo := database.parent / "demo.duckdb").touch()
    monkeypatch.setattr(demo_data, "DEMO_DATABASE", demo)
    assert not demo_data.use_demo()
    copy.unlink()
    monkeypatch.setenv("DESTINATION__DUCKDB__CREDENTIALS", str(database))
    assert demo_data.use_demo()
    assert os.environ["DESTINATION__DUCKDB__CREDENTIALS"] == str(demo)
