"""For unreadable configuration files, every command prints file, line and column in one line, with exit code 2."""

import os
import subprocess
import sys
from itertools import product
from pathlib import Path

import pytest

from tests.conftest import REPOSITORY, Tenant


def run(folder: Path, *arguments: str, module: str = "pipelines.audit") -> tuple[int, str]:
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY), "SECRET_TOKEN": "of-the-environment"}
    ended = subprocess.run(
        [sys.executable, "-m", module, *arguments],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
    )
    return ended.returncode, ended.stderr


# Each command is a process: dlt reads its files when it is imported.
@pytest.mark.parametrize(
    "command",
    [
        ["status"],
        ["run", "--debug"],
        *(pytest.param(others, marks=pytest.mark.variant) for others in (["run"], ["login"], ["export", "events"])),
    ],
)
def test_broken_toml_is_one_line_for_every_command(tmp_path: Path, command: list[str]) -> None:
    (tmp_path / ".dlt").mkdir()
    (tmp_path / ".dlt" / "config.toml").write_text('[runtime]\nlog_level = "WARNING"\nrequest_timeout = = 5\n')
    code, said = run(tmp_path, *command)
    assert code == 2
    last = said.strip().splitlines()[-1]
    assert last.startswith("audit: `") and "config.toml`, line 3, column" in last
    if "--debug" not in command:
        assert len(said.strip().splitlines()) == 1


def test_other_unreadable_files_are_one_line(tmp_path: Path) -> None:
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
def test_values_of_options_are_checked_before_anything_is_opened(
    tenant: Tenant, database: Path, arguments: list[str]
) -> None:
    outcome = tenant.run(*arguments)
    assert outcome.code == 2 and "Traceback" not in outcome.err
    assert not database.exists()


def test_closed_output_streams_are_not_a_failure(tmp_path: Path) -> None:
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY)}
    command = f"cd '{tmp_path}' && '{sys.executable}' -m pipelines.audit report 2>&- >&-"
    assert subprocess.run(["sh", "-c", command], env=environment, timeout=60, check=False).returncode in (0, 2)


@pytest.mark.parametrize(
    ("name", "command"),
    [
        ("config.toml", ["status"]),
        ("secrets.toml", ["run"]),
        *(
            pytest.param(name, [command], marks=pytest.mark.variant)
            for name, command in product(("config.toml", "secrets.toml"), ("status", "run", "check-access"))
        ),
    ],
)
def test_a_folder_in_place_of_a_settings_file_is_refused(tmp_path: Path, name: str, command: list[str]) -> None:
    (tmp_path / ".dlt" / name).mkdir(parents=True)
    code, said = run(tmp_path, *command)
    assert code == 2 and said.startswith("audit: `") and f"{name}` is a folder." in said
    assert len(said.splitlines()) == 1


@pytest.mark.parametrize(
    ("raw", "enriched", "reason"),
    [
        ("audit", "Audit", "both pipelines have this dataset"),
        ("audit_staging", "audit", "dlt stages the other pipeline's rows there"),
        ("audit", "audit_staging", "dlt stages the other pipeline's rows there"),
        ("information_schema", "audit", "the database has a schema of its own by this name"),
        ("audit", "PG_catalog", "the database has a schema of its own by this name"),
    ],
)
def test_conflicting_dataset_names_are_rejected(
    tenant: Tenant, monkeypatch: pytest.MonkeyPatch, database: Path, raw: str, enriched: str, reason: str
) -> None:
    tenant.at("http://127.0.0.1:9")
    monkeypatch.setenv("PIPELINES__ANAPLAN_AUDIT__DATASET_NAME", raw)
    monkeypatch.setenv("PIPELINES__ANAPLAN_AUDIT_ENRICH__DATASET_NAME", enriched)
    for command in ("run", "status", "report"):
        outcome = tenant.run(command)
        assert outcome.code == 2 and "dataset_name`: " in outcome.err and reason in outcome.err, outcome
    assert not database.exists()


@pytest.mark.parametrize("module", ["pipelines.dashboard", "pipelines.data_dictionary"])
def test_other_programs_end_with_one_line_too(tmp_path: Path, module: str) -> None:
    (tmp_path / ".dlt").mkdir()
    (tmp_path / ".dlt" / "config.toml").write_text("[runtime\n")
    # The dictionary reads no settings: its obstacle is a file where its folder should be.
    (tmp_path / "build").write_text("")
    code, said = run(tmp_path, module=module)
    assert "Traceback" not in said and len(said.splitlines()) == 1
    assert (code, said.startswith("dashboard: `")) == (2, True) or (code, said.startswith("dictionary: ")) == (1, True)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[a.credentials]\nx = 1\n[a]\ncredentials = 2\n", 'line 4, column 0: Key "credentials" already exists.'),
        ('[a]\nx = "one\ny = 2\n', "line 2, column 8: a text is not closed."),
        ('x = "one', "line 1, column 0: the file ends in the middle of a setting, or a text is not closed."),
        ('x = "o\x01e"\n', "line 1, column 6: a control character stands in a text or comment."),
        ("x =\n", "line 1, column 3: the line ends in the middle of a setting."),
    ],
)
def test_toml_errors_give_the_reason_in_words(tmp_path: Path, text: str, says: str) -> None:
    import tomlkit
    from dlt.common.configuration.providers.toml import TomlProviderReadException

    from pipelines.common.exit_codes import explain

    path = tmp_path / "config.toml"
    path.write_text(text)
    with pytest.raises(Exception) as broken:
        tomlkit.parse(text)
    error = TomlProviderReadException("config.toml", "config.toml", [str(path)], str(broken.value))
    assert explain(error) == (2, f"`{path}`, {says} Correct it, then run again.")
