"""The command works from any folder, and names what an incomplete installation lacks."""

import os
import subprocess
import sys
from pathlib import Path

from tests.conftest import REPOSITORY

FILE = str(REPOSITORY / "pipelines" / "audit.py")


def run(folder: Path, *command: str, **environment: str) -> subprocess.CompletedProcess[str]:
    given = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    return subprocess.run(
        command, cwd=folder, env={**given, **environment}, capture_output=True, text=True, timeout=60, check=False
    )


def test_project_is_the_folder_of_settings_and_database(tmp_path: Path) -> None:
    project = tmp_path / "project"
    (project / ".dlt").mkdir(parents=True)
    (project / ".dlt" / "config.toml").write_text('[tenants.one]\nregion = "eu1"\n')
    ended = run(
        tmp_path,
        sys.executable,
        FILE,
        "--project",
        "project",
        "status",
        "--all-tenants",
        DESTINATION__DUCKDB__CREDENTIALS="d.duckdb",
    )
    assert ended.returncode == 1 and ended.stdout.startswith("== one ==\n"), ended.stderr
    assert f"destination duckdb {project / 'd.duckdb'}" in ended.stdout


def test_python_without_the_packages_is_one_line(tmp_path: Path) -> None:
    ended = run(tmp_path, sys.executable, "-S", FILE, "status")
    assert ended.returncode == 2 and "Run `make setup`" in ended.stderr and len(ended.stderr.splitlines()) == 1
