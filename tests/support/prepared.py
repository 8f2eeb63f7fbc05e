"""Loaded databases that tests start from: filled by the first test that asks, copied for the others."""

import fcntl
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

DATABASE, WORKING_FOLDER = "audit_log.duckdb", "dlt"


def shared_folder(factory: pytest.TempPathFactory, name: str, fill: Callable[[Path], None]) -> Path:
    """Return a folder that the first process of a session fills and that the others wait for."""
    base = factory.getbasetemp()
    # The folder of a worker is in that of the session.
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / f"shared-{name}"
    with folder.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "filled").exists():
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir()
            fill(folder)
            (folder / "filled").touch()
    return folder


class PreparedFolders:
    """DuckDB files with dlt's working folders beside them, by name; one collection a session."""

    def __init__(self, factory: pytest.TempPathFactory) -> None:
        self._factory = factory
        self._kept: dict[str, Path] = {}

    def restore(self, name: str, folder: Path, fill: Callable[[], None]) -> None:
        """Put the database and working folder that `fill` once made in `folder` there.

        The first call for a name runs `fill` and keeps a copy. A copy takes milliseconds, a load about a second.
        """
        if name in self._kept:
            _copy(self._kept[name], folder)
        else:
            fill()
            self._kept[name] = self._factory.mktemp("prepared")
            _copy(folder, self._kept[name])


def _copy(source: Path, target: Path) -> None:
    shutil.copy(source / DATABASE, target)
    shutil.copytree(source / WORKING_FOLDER, target / WORKING_FOLDER)
