"""The documents name what exists: settings, commands, exit codes, tables, files and make targets."""

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
import tomlkit

from pipelines.audit import cli
from pipelines.common import dashboard_settings, exit_codes, forwarding, lakehouse_settings, metric_settings
from pipelines.common.alert_settings import ALERT_SETTINGS
from pipelines.common.configuration import PIPELINE_SETTINGS, known_settings
from tests.conftest import REPOSITORY

README_LINES = 130
# What a reader makes with the commands of the documents.
MADE = (
    ".dlt/network_names.csv",
    ".venv",
    ".demo",
    "build/",
    "dist/",
    ".dlt/config.toml",
    ".dlt/secrets.toml",
    "logs/",
    ".github/workflows/audit.yml",
)
FENCED = re.compile(r"```.*?```", re.DOTALL)
FOLDERS = ("audit_source", "bi", "pipelines", "sandbox", "tests", "docs", ".github", ".dlt")


def documents() -> list[Path]:
    """Every Markdown file of the repository."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "*.md"],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
    )
    if listed.returncode:
        return [*REPOSITORY.glob("*.md"), *(path for folder in FOLDERS for path in (REPOSITORY / folder).rglob("*.md"))]
    return [REPOSITORY / name for name in listed.stdout.splitlines() if (REPOSITORY / name).exists()]


def text_of(name: str) -> str:
    return (REPOSITORY / name).read_text(encoding="utf-8")


CONFIGURATION, COMMANDS = text_of("docs/configuration.md"), text_of("docs/commands.md")


def rows(text: str, header: str) -> Iterator[list[str]]:
    """The rows of every table whose first column has this header, as cells."""
    for part in text.split(f"| {header} |")[1:]:
        for line in part.split("\n\n")[0].splitlines()[2:]:
            yield [cell.strip() for cell in line.strip("|").split(" | ")]


def first_column(text: str, header: str) -> list[str]:
    """The names in backticks, or bare numbers, of these tables' first column."""
    return [name.strip("`") for row in rows(text, header) for name in re.findall(r"`[^`]+`|^\d+$", row[0])]


def test_readme_stays_short() -> None:
    assert len(text_of("README.md").splitlines()) <= README_LINES


def test_configuration_lists_every_setting_and_nothing_else() -> None:
    own = {f"[pipelines.{name}] {setting}" for name, settings in PIPELINE_SETTINGS.items() for setting in settings}
    of_dlt = {"[destination.duckdb] credentials"} | {
        f"[pipelines.{name}] {setting}"
        for name, settings in (
            ("anaplan_audit", ("destination_type", "dataset_name")),
            ("anaplan_audit_enrich", ("dataset_name",)),
        )
        for setting in settings
    }
    runtime = set(template()["runtime"])
    keys = forwarding.COMMON.union(*forwarding.KEYS.values())
    forward = {f"[forward] {forwarding.AFTER_RUN}", *(f"[forward.NAME] {key}" for key in keys)}
    metrics = {f"[metrics] {name}" for name in metric_settings.METRIC_SETTINGS}
    dashboard = {f"[dashboard] {name}" for name in dashboard_settings.DASHBOARD_SETTINGS}
    lakehouse = {f"[lakehouse] {name}" for name in lakehouse_settings.LAKEHOUSE_SETTINGS}
    listed = first_column(CONFIGURATION, "setting")
    assert len(listed) == len(set(listed))
    assert (
        set(listed)
        == known_settings() | ALERT_SETTINGS | own | of_dlt | runtime | forward | metrics | dashboard | lakehouse
    )


def template() -> dict[str, dict]:
    return tomlkit.parse(text_of(".dlt/config.toml.example")).unwrap()


def sections() -> dict[str, str]:
    """The section of each setting's name in the documents."""
    section = dict.fromkeys(known_settings(), "sources.audit_source")
    section |= dict.fromkeys(ALERT_SETTINGS, "alerts") | dict.fromkeys(template()["runtime"], "runtime")
    return section


def place_of(name: str) -> list[str]:
    """The path of a setting, from `[section] name` or from a name whose section the heading gives."""
    if found := re.fullmatch(r"\[(.+)\] (\w+)", name):
        return [*found[1].split("."), found[2]]
    return [*sections()[name].split("."), name]


def test_configuration_names_the_variable_of_every_setting() -> None:
    found = [(row[0].strip("`"), row[2].strip("`")) for row in rows(CONFIGURATION, "setting") if len(row) == 4]
    assert len(found) > 30
    assert found == [(name, "__".join(place_of(name)).upper()) for name, _ in found]


def test_configuration_names_the_default_of_the_template() -> None:
    compared = 0
    for name, default in ((row[0].strip("`"), row[1]) for row in rows(CONFIGURATION, "setting") if len(row) == 4):
        value: object = template()
        for key in place_of(name):
            value = value.get(key) if isinstance(value, dict) else None
        if value is not None:
            written = default.strip("`")
            assert tomlkit.parse(f"value = {written}").unwrap()["value"] == value, name
            compared += 1
    assert compared > 20


def test_template_holds_every_setting_and_nothing_else() -> None:
    text = text_of(".dlt/config.toml.example")
    source = text.split("[sources.audit_source]")[1]
    named = set(re.findall(r"^(?:# )?(\w+) = ", source, re.MULTILINE))
    assert named == {name for name in known_settings() if "." not in name}
    for name in (name for names in PIPELINE_SETTINGS.values() for name in names):
        assert re.search(rf"^(# )?{name} = ", text, re.MULTILINE), name


def test_commands_are_listed() -> None:
    assert set(first_column(COMMANDS, "command")) == set(cli.commands)
    headings = re.findall(r"^## (.+)$", COMMANDS, re.MULTILINE)
    assert {heading for heading in headings if not heading.endswith("?")} == set(cli.commands)


@pytest.mark.parametrize("name", sorted(cli.commands))
def test_options_of_a_command_are_listed(name: str) -> None:
    section = COMMANDS.split(f"\n## {name}\n")[1].split("\n## ")[0]
    options = {
        option
        for parameter in cli.commands[name].params
        if isinstance(parameter, click.Option)
        for option in parameter.opts
    }
    assert set(first_column(section, "option")) == options - {"--debug", "--tenant", "--all-tenants"}


def test_commands_that_take_tenants_are_listed() -> None:
    names = {
        option: {name for name, one in cli.commands.items() if any(option in other.opts for other in one.params)}
        for option in ("--tenant", "--all-tenants")
    }
    assert cli.commands.keys() - names["--tenant"] == {"init", "dictionary"}
    assert "every command but `init` and\n`dictionary` takes `--tenant NAME`" in COMMANDS
    listed = COMMANDS.split("takes `--tenant NAME`. ")[1].split("also take `--all-tenants`")[0]
    assert set(re.findall("`([a-z-]+)`", listed)) == names["--all-tenants"]


def test_every_command_takes_debug() -> None:
    for name, command in cli.commands.items():
        assert any("--debug" in parameter.opts for parameter in command.params), name


def test_exit_codes_are_listed() -> None:
    codes = {str(value) for name, value in vars(exit_codes).items() if name.isupper() and isinstance(value, int)}
    assert set(first_column(COMMANDS, "exit code")) == codes


def make_targets() -> set[str]:
    return set(re.findall(r"^([a-z-]+):", text_of("Makefile"), re.MULTILINE))


def code_of(path: Path) -> Iterator[str]:
    """The blocks of code of a document, and what stands in backticks elsewhere."""
    text = path.read_text(encoding="utf-8")
    yield from FENCED.findall(text)
    yield from re.findall(r"`([^`]+)`", FENCED.sub("", text))


def test_make_targets_that_documents_name_exist() -> None:
    named = {
        (path.name, target)
        for path in documents()
        for code in code_of(path)
        for target in re.findall(r"^\s*make ([a-z-]+)", code, re.MULTILINE)
    }
    assert len(named) > 20
    assert {(name, target) for name, target in named if target not in make_targets()} == set()


def test_make_targets_of_the_workflow_exist() -> None:
    text = text_of(".github/workflows/ci.yml")
    targets = set(re.findall(r"[a-z-]+", " ".join(re.findall(r"run: make ([a-z -]+)$", text, re.MULTILINE))))
    targets |= set(re.findall(r"[a-z-]+", " ".join(re.findall(r"target: \[(.+)\]", text))))
    assert {"lint", "test", "torture"} <= targets <= make_targets()


def test_links_lead_to_files_and_headings() -> None:
    broken = []
    for path in documents():
        text = FENCED.sub("", path.read_text(encoding="utf-8"))
        for link in re.findall(r"\]\(\s*([^)\s]+)\s*\)", text):
            if re.match(r"[a-z]+:", link):
                continue
            name, _, anchor = link.partition("#")
            target = (path.parent / name).resolve() if name else path
            if not target.exists() or (anchor and anchor not in anchors(target)):
                broken.append((path.name, link))
    assert broken == []


def anchors(path: Path) -> set[str]:
    """The anchors that GitHub gives the headings of a document."""
    headings = re.findall(r"^#+ (.+)$", path.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_files_that_documents_name_exist() -> None:
    """In backticks, with a folder of the repository in front."""
    missing = []
    for path in documents():
        for name in re.findall(rf"`((?:{'|'.join(map(re.escape, FOLDERS))})/[\w./-]*)`", path.read_text("utf-8")):
            if not name.startswith(MADE) and not (REPOSITORY / name).exists():
                missing.append((path.name, name))
    assert missing == []


def test_a_stranger_opens_at_most_two_files_to_add_something() -> None:
    """Each of these has a row, and the files that it names exist."""
    table = rows(text_of("docs/architecture.md"), "you add")
    opened = {row[0]: re.findall(r"`([^`]+)`", row[1]) for row in table}
    added = {
        "a way to sign in",
        "a raw field",
        "a model",
        "a check",
        "a rule for findings",
        "an alert channel",
        "a warehouse with its own lock, merge or SQL",
        "a retry policy",
        "a command",
        "a page of the dashboard",
        "a fault of the sandbox",
        "a rule for what counts as a touched day",
        "a tenant",
    }
    assert added <= opened.keys()
    assert {what: files for what, files in opened.items() if not 1 <= len(files) <= 2} == {}
    assert [name for files in opened.values() for name in files if not (REPOSITORY / name).is_file()] == []


def test_every_package_of_the_pipelines_is_in_the_architecture() -> None:
    places = set(re.findall(r"`(pipelines/\w+/)`", text_of("docs/architecture.md")))
    assert {f"pipelines/{path.parent.name}/" for path in (REPOSITORY / "pipelines").glob("*/__init__.py")} <= places


def test_every_decision_is_listed() -> None:
    files = {path.name for path in (REPOSITORY / "docs" / "decisions").glob("0*.md")}
    assert set(re.findall(r"\]\((0.+?\.md)\)", text_of("docs/decisions/README.md"))) == files


def test_no_change_is_listed_twice() -> None:
    beginnings = [line[:30] for line in text_of("CHANGELOG.md").splitlines() if line.startswith("- ")]
    assert sorted(beginnings) == sorted(set(beginnings))
