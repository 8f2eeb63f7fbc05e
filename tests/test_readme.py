"""The README names what exists: its tables of settings, commands, exit codes and models are held against the code."""

import re
from pathlib import Path

from pipelines.audit import cli
from pipelines.common import exit_codes
from pipelines.common.configuration import ALERT_SETTINGS, PIPELINE_SETTINGS, known_settings
from tests.conftest import REPOSITORY

README = (REPOSITORY / "README.md").read_text(encoding="utf-8")


def first_column(heading: str, header: str) -> set[str]:
    """Returns the names in backticks (or bare numbers) of a table's first column, found by heading and header."""
    section = README.split(f"## {heading}")[1].split("\n## ")[0]
    rows = section.split(f"| {header} |")[1].split("\n\n")[0].splitlines()[2:]
    cells = [row.split("|")[1] for row in rows]
    return {name for cell in cells for name in re.findall(r"`([^`]+)`|\b(\d+)\b", cell) for name in name if name}


def test_settings() -> None:
    assert first_column("Settings", "setting") == {name for name in known_settings() if "." not in name}


def test_alert_settings() -> None:
    assert first_column("Settings", "alert setting") == ALERT_SETTINGS


def test_pipeline_settings() -> None:
    ours = {f"[pipelines.{pipeline}] {name}" for pipeline, names in PIPELINE_SETTINGS.items() for name in names}
    assert first_column("Settings", "pipeline setting") == ours
    text = (REPOSITORY / ".dlt" / "config.toml").read_text(encoding="utf-8")
    for name in (name for names in PIPELINE_SETTINGS.values() for name in names):
        assert re.search(rf"^(# )?{name} = ", text, re.MULTILINE), name


def test_settings_in_the_configuration_file() -> None:
    text = (REPOSITORY / ".dlt" / "config.toml").read_text(encoding="utf-8").split("[sources.audit_source]")[1]
    named = set(re.findall(r"^(?:# )?(\w+) = ", text, re.MULTILINE))
    assert named == {name for name in known_settings() if "." not in name}


def test_commands() -> None:
    assert first_column("Commands", "command") == set(cli.commands)


def test_exit_codes() -> None:
    codes = {str(value) for name, value in vars(exit_codes).items() if name.isupper() and isinstance(value, int)}
    assert first_column("Commands", "exit code") == codes


def test_models() -> None:
    folder = Path(REPOSITORY) / "pipelines" / "models"
    models = {path.stem for path in (folder / "marts").glob("*.sql")} | {"security_findings", "check_results"}
    assert first_column("Tables", "table") == models


def test_make_targets_named_exist() -> None:
    makefile = (REPOSITORY / "Makefile").read_text(encoding="utf-8")
    assert all(f"\n{target}:" in makefile for target in re.findall(r"^make (\w+)", README, re.MULTILINE))


def test_places_named_in_the_architecture_exist() -> None:
    text = (REPOSITORY / "docs" / "architecture.md").read_text(encoding="utf-8")
    places = set(re.findall(r"`((?:audit_source|pipelines|sandbox|tests)/[\w./]*)`", text))
    assert [place for place in sorted(places) if not (REPOSITORY / place).exists()] == []
    rooms = {f"pipelines/{path.parent.name}/" for path in (REPOSITORY / "pipelines").glob("*/__init__.py")}
    assert rooms <= places


def test_no_change_is_listed_twice() -> None:
    text = (REPOSITORY / "CHANGELOG.md").read_text(encoding="utf-8")
    beginnings = [line[:30] for line in text.splitlines() if line.startswith("- ")]
    assert sorted(beginnings) == sorted(set(beginnings))
