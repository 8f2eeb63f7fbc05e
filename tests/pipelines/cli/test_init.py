"""`init` writes the settings files into the working folder and replaces none. `--version` reads pyproject.toml."""

import re
from pathlib import Path

import pytest

from pipelines.common import version
from tests.conftest import REPOSITORY, Tenant

NAMES = ("config.toml", "secrets.toml.example")


def test_init_writes_both_files(tenant: Tenant, tmp_path: Path) -> None:
    ended = tenant.run("init")
    assert ended.code == 0
    assert [line.split()[0] for line in ended.out.splitlines()] == ["Wrote", "Wrote", "Next:"]
    for name in NAMES:
        assert (tmp_path / ".dlt" / name).read_bytes() == (REPOSITORY / ".dlt" / name).read_bytes()


def test_init_keeps_a_file_that_exists(tenant: Tenant, tmp_path: Path) -> None:
    (tmp_path / ".dlt").mkdir()
    (tmp_path / ".dlt" / "config.toml").write_text("# mine\n", encoding="utf-8")
    assert tenant.run("init").out.startswith("Kept .dlt/config.toml\nWrote .dlt/secrets.toml.example\n")
    assert (tmp_path / ".dlt" / "config.toml").read_text(encoding="utf-8") == "# mine\n"


def test_init_refuses_a_file_in_place_of_the_folder(tenant: Tenant, tmp_path: Path) -> None:
    (tmp_path / ".dlt").touch()
    ended = tenant.run("init")
    assert ended.code == 2
    assert ended.err == "audit: `.dlt` is not a folder. Move it, or run this in another folder.\n"


def test_version_equals_pyproject(tenant: Tenant) -> None:
    text = (REPOSITORY / "pyproject.toml").read_text(encoding="utf-8")
    (expected,) = re.findall(r'^version = "(.*)"', text, re.MULTILINE)
    assert tenant.run("--version").out == f"anaplan-audit-log {expected}\n"


def test_version_of_folders_without_pyproject_is_unknown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(version, "_PYPROJECT", tmp_path / "pyproject.toml")
    monkeypatch.setattr(version, "DISTRIBUTION", "a-distribution-that-is-not-installed")
    assert version.own_version() == "unknown"
