"""Configuration files that cannot be read: one line with file, line and column, exit code 2, for every command."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import REPOSITORY


def run(folder: Path, *arguments: str) -> tuple[int, str]:
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY), "SECRET_TOKEN": "of-the-environment"}
    ended = subprocess.run(
        [sys.executable, "-m", "pipelines.audit", *arguments],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
    )
    return ended.returncode, ended.stderr


@pytest.mark.parametrize("command", [["status"], ["run"], ["run", "--debug"], ["login"], ["export", "events"]])
def test_broken_toml_is_one_line_for_every_command(tmp_path: Path, command: list[str]) -> None:
    (tmp_path / ".dlt").mkdir()
    (tmp_path / ".dlt" / "config.toml").write_text('[runtime]\nlog_level = "WARNING"\nrequest_timeout = = 5\n')
    code, said = run(tmp_path, *command)
    assert code == 2
    last = said.strip().splitlines()[-1]
    assert last.startswith("audit: `") and "config.toml`, line 3, column" in last
    if "--debug" not in command:
        assert len(said.strip().splitlines()) == 1


def test_other_broken_files(tmp_path: Path) -> None:
    folder = tmp_path / ".dlt"
    folder.mkdir()
    (folder / "secrets.toml").write_bytes(b"[alerts]\nwebhook_url = '\xff'\n")
    code, said = run(tmp_path, "status")
    assert code == 2 and "secrets.toml`: byte" in said and "is not UTF-8" in said
    (folder / "secrets.toml").write_text('password = "hidden-4711\n')
    code, said = run(tmp_path, "status", "--debug")
    assert code == 2 and "secrets.toml`, line 1" in said and "hidden-4711" not in said.splitlines()[-1]


@pytest.mark.parametrize(
    "arguments",
    [
        ["status", "--max-age", "99999999999999999999d"],
        ["status", "--max-age", "9" * 400 + "h"],
        ["status", "--wait", "-1"],
        ["status", "--wait", "nan"],
        ["status", "--runs", "-5"],
        ["report", "--wait", "1e9"],
        ["load", "--since", "0000-01-01"],
    ],
)
def test_values_of_options_are_checked_before_anything_is_opened(tmp_path: Path, arguments: list[str]) -> None:
    code, said = run(tmp_path, *arguments)
    assert code == 2 and "Traceback" not in said
    assert not (tmp_path / "audit_log.duckdb").exists()


def test_closed_streams_are_no_failure(tmp_path: Path) -> None:
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY)}
    command = f"cd '{tmp_path}' && '{sys.executable}' -m pipelines.audit report 2>&- >&-"
    assert subprocess.run(["sh", "-c", command], env=environment, timeout=60, check=False).returncode in (0, 2)
