"""`init` writes the settings files into the working folder and replaces none. `--version` reads pyproject.toml."""

import os
import pty
import re
import stat
import subprocess
import sys
from pathlib import Path

import pytest
import tomlkit

from audit_source.auth.credentials import MODES
from pipelines.cli.init_texts import SIGN_INS
from pipelines.common import version
from tests.conftest import REPOSITORY, Tenant

TEMPLATES = ("config.toml.example", "secrets.toml.example")


def test_init_writes_settings_and_templates(tenant: Tenant, tmp_path: Path) -> None:
    ended = tenant.run("init", "--non-interactive")
    assert ended.code == 0
    assert re.findall("^Wrote .dlt/(.*)", ended.out, re.MULTILINE) == ["config.toml", *TEMPLATES]
    assert settings(tmp_path) == ("us1", "duckdb")
    for name in TEMPLATES:
        assert (tmp_path / ".dlt" / name).read_bytes() == (REPOSITORY / ".dlt" / name).read_bytes()
    assert not (tmp_path / ".dlt" / "secrets.toml").exists()


def settings(folder: Path) -> tuple[str, str]:
    document = tomlkit.parse((folder / ".dlt" / "config.toml").read_text(encoding="utf-8")).unwrap()
    return document["sources"]["audit_source"]["region"], document["pipelines"]["anaplan_audit"]["destination_type"]


@pytest.mark.parametrize("sign_in", MODES)
def test_init_writes_one_way_to_sign_in_with_placeholders(tenant: Tenant, tmp_path: Path, sign_in: str) -> None:
    ended = tenant.run("init", "--non-interactive", "--sign-in", sign_in, "--destination", "snowflake")
    assert ended.code == 0 and "make driver FOR=snowflake" in ended.out
    path = tmp_path / ".dlt" / "secrets.toml"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    document = tomlkit.parse(path.read_text(encoding="utf-8")).unwrap()
    fields = document["sources"]["audit_source"]["credentials"]
    assert set(fields) <= set(MODES[sign_in].get_resolvable_fields()) and set(fields.values()) == {"..."}


def test_every_way_to_sign_in_can_be_chosen() -> None:
    assert set(SIGN_INS) == {*MODES, "none"}


def test_init_asks_in_a_terminal(tmp_path: Path) -> None:
    terminal, inner = pty.openpty()
    os.write(terminal, b"mars\neu3\ncertificate\n\n")
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY)}
    command = [sys.executable, "-m", "pipelines.audit", "--project", str(tmp_path), "init"]
    ended = subprocess.run(command, stdin=inner, env=environment, capture_output=True, text=True, timeout=60)
    os.close(terminal), os.close(inner)
    assert ended.returncode == 0 and "'mars' is not one of" in ended.stdout + ended.stderr
    assert settings(tmp_path) == ("eu3", "duckdb")
    assert "private_key" in (tmp_path / ".dlt" / "secrets.toml").read_text(encoding="utf-8")


def test_init_keeps_a_file_that_exists(tenant: Tenant, tmp_path: Path) -> None:
    (tmp_path / ".dlt").mkdir()
    (tmp_path / ".dlt" / "config.toml").write_text("# mine\n", encoding="utf-8")
    assert tenant.run("init").out.startswith("Kept .dlt/config.toml\nWrote .dlt/config.toml.example\n")
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
