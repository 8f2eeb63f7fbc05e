"""The schedules work: each command is run as its scheduler runs it."""

import ast
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
import yaml

from pipelines.common.exit_codes import CHECK_FAILED, CONFIGURATION, DONE, FAILED, INCOMPLETE, LOCKED, SIGN_IN
from tests.conftest import REPOSITORY, Engine, event
from tests.support.plain_server import PlainServer
from tests.support.postgres import Postgres

SCHEDULES = REPOSITORY / "pipelines" / "schedules"
INSTALLED = "/opt/anaplan-audit-log"
CREDENTIALS = {"config.toml", "secrets.toml"}
POINTLESS_TO_REPEAT = {CONFIGURATION, SIGN_IN, CHECK_FAILED}
SECRETS = '[sources.audit_source.credentials]\nemail = "auditor@example.com"\npassword = "{}"\n'


class Installation(NamedTuple):
    """A folder as in the README: the code, `.venv` and `.dlt/config.toml`, without settings in the environment."""

    folder: Path
    path: str

    def command(self, text: str) -> str:
        return text.replace(INSTALLED, str(self.folder))

    def secrets(self, password: str, folder: Path | None = None) -> None:
        path = (folder or self.folder / ".dlt") / "secrets.toml"
        path.write_text(SECRETS.format(password))
        path.chmod(0o600)

    def run(self, command: list[str], **environment: str) -> subprocess.CompletedProcess[str]:
        # What a scheduler gives, and no more.
        given = {"HOME": str(self.folder.parent), "PATH": self.path, "LANG": "C.UTF-8"}
        # Root's data would be in /var, where tests meet.
        given |= {"DLT_DATA_DIR": str(self.folder.parent / "dlt"), **environment}
        return subprocess.run(command, cwd=self.folder, env=given, capture_output=True, text=True, check=False)


@pytest.fixture
def tenant_server() -> Iterator[PlainServer]:
    now = int(time.time() * 1000)
    with PlainServer([event(number, now - 3_600_000 * (number + 2)) for number in range(20)]) as server:
        yield server


@pytest.fixture
def installed(tmp_path: Path, tenant_server: PlainServer) -> Installation:
    folder = tmp_path / "opt" / "anaplan-audit-log"
    (folder / ".dlt").mkdir(parents=True)
    for name in ("audit_source", "pipelines"):
        (folder / name).symlink_to(REPOSITORY / name)
    (folder / ".venv").symlink_to(sys.prefix)
    addresses = "".join(f'{service}_url = "{tenant_server.url}"\n' for service in ("auth", "api", "audit"))
    settings = (REPOSITORY / ".dlt" / "config.toml.example").read_text(encoding="utf-8")
    (folder / ".dlt" / "config.toml").write_text(settings.replace('region = "us1"', addresses + "#"))
    return Installation(folder, f"{sys.prefix}/bin:/usr/bin:/bin")


def cron_lines() -> list[tuple[str, str]]:
    """Return the time fields and the command of each line, as cron reads them."""
    lines = (SCHEDULES / "crontab").read_text(encoding="utf-8").splitlines()
    entries = [line.split(None, 5) for line in lines if re.match(r"[\d*]", line)]
    return [(" ".join(entry[:5]), entry[5]) for entry in entries]


def test_crontab_is_read_by_cron() -> None:
    assert [when for when, _ in cron_lines()] == ["17 * * * *", "47 */6 * * *"]
    # To cron a `%` is the end of the command.
    assert all("%" not in command for _, command in cron_lines())
    if shutil.which("crontab") and Path("/etc/debian_version").exists():
        read = subprocess.run(["crontab", "-n", SCHEDULES / "crontab"], capture_output=True, text=True, check=False)
        assert read.returncode == 0, read.stderr


def test_cron_mails_a_failed_run_and_a_stale_status(installed: Installation) -> None:
    run, status = (installed.command(command) for _, command in cron_lines())
    installed.secrets("wrong")
    mailed = installed.run(["/bin/sh", "-c", run])
    assert mailed.stdout.startswith(f"exit code {SIGN_IN}\n")
    assert mailed.stdout.splitlines()[-1].startswith("audit: POST ") and "HTTP 401" in mailed.stdout
    assert "HTTP 401" in (installed.folder / "logs" / "run.log").read_text(encoding="utf-8")
    assert "HTTP 401" in installed.run(["/bin/sh", "-c", status]).stdout


@pytest.mark.parametrize("code", [DONE, FAILED, INCOMPLETE, LOCKED])
def test_cron_is_silent_if_no_action_is_needed(installed: Installation, code: int) -> None:
    (installed.folder / ".venv").unlink()
    python = installed.folder / ".venv" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text(f"#!/bin/sh\necho said: $*\nexit {code}\n")
    python.chmod(0o755)
    mailed = installed.run(["/bin/sh", "-c", installed.command(cron_lines()[0][1])])
    said = "said: -m pipelines.audit run\n"
    assert mailed.stdout == ("" if code in (DONE, LOCKED) else f"exit code {code}\n{said}")
    assert (mailed.stderr, (installed.folder / "logs" / "run.log").read_text()) == ("", said)


def unit(name: str) -> dict[str, list[str]]:
    """Return the settings of a unit file. A setting that occurs twice has two values."""
    settings: dict[str, list[str]] = {}
    for line in (SCHEDULES / name).read_text(encoding="utf-8").splitlines():
        if "=" in line and not line.startswith("#"):
            key, value = line.split("=", 1)
            settings.setdefault(key, []).append(value)
    return settings


def test_systemd_service_needs_only_its_credentials(
    installed: Installation, tenant_server: PlainServer, tmp_path: Path
) -> None:
    service = unit("anaplan-audit.service")
    credentials, state = tmp_path / "credentials", tmp_path / "state"
    credentials.mkdir()
    (state / "anaplan-audit").mkdir(parents=True)
    assert {credential.partition(":")[0] for credential in service["LoadCredential"]} == CREDENTIALS
    (installed.folder / ".dlt" / "config.toml").rename(credentials / "config.toml")
    installed.secrets("wrong", credentials)
    pairs = [line.replace("%d", str(credentials)).replace("%S", str(state)) for line in service["Environment"]]
    ended = installed.run(
        installed.command(*service["ExecStart"]).split(), **dict(pair.split("=", 1) for pair in pairs)
    )
    # The address is of config.toml, the refused password of secrets.toml.
    assert ended.returncode == SIGN_IN and f"{tenant_server.url}/token/authenticate: HTTP 401" in ended.stderr
    assert Engine("duckdb", str(state / "anaplan-audit" / "audit_log.duckdb")).rows("select 1") == [(1,)]
    assert (state / "anaplan-audit" / "dlt").is_dir() and {path.name for path in credentials.iterdir()} == CREDENTIALS
    assert set(map(int, service["RestartPreventExitStatus"][0].split())) == POINTLESS_TO_REPEAT


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd is not here")
def test_systemd_units_are_valid(installed: Installation) -> None:
    names = ("anaplan-audit.service", "anaplan-audit-dashboard.service", "anaplan-audit.timer")
    for name in names:
        text = installed.command((SCHEDULES / name).read_text(encoding="utf-8"))
        (installed.folder / name).write_text(text)
    verified = installed.run(["systemd-analyze", "verify", "--man=no", *(f"./{name}" for name in names)])
    assert (verified.returncode, verified.stderr) == (0, "")
    # 10 is no protection at all; 15 stands for 1.5.
    for name in names[:2]:
        rated = installed.run(["systemd-analyze", "security", "--offline=true", "--threshold=15", f"./{name}"])
        assert rated.returncode == 0, rated.stdout[-200:]


def test_github_workflow_needs_only_its_secrets_and_records_runs_in_the_destination(
    installed: Installation, postgres: Postgres
) -> None:
    workflow = yaml.safe_load((SCHEDULES / "github-actions.yml").read_text(encoding="utf-8"))
    assert workflow[True]["schedule"] == [{"cron": "17 * * * *"}]  # YAML reads `on` as true
    assert workflow["permissions"] == {"contents": "read"} and not workflow["concurrency"]["cancel-in-progress"]
    (job,) = workflow["jobs"].values()
    address = postgres.new_database()
    secrets = {
        "ANAPLAN_EMAIL": "auditor@example.com",
        "ANAPLAN_PASSWORD": "wrong",
        "ALERTS_WEBHOOK_URL": "",  # as GitHub gives a secret that nobody has set
        "WAREHOUSE": address.replace("postgres:@/", "postgres:none@localhost/"),
    }
    install, run, status = [step for step in job["steps"] if "run" in step]
    assert re.fullmatch(r"python -m pip install --require-hashes -r (\S+)", install["run"])[1] == "requirements.lock"
    assert all(re.search(r"@v\d+\.\d+\.\d+$", step["uses"]) for step in job["steps"] if "uses" in step)
    environment = {name: value for name, value in workflow["env"].items() if not name.endswith("REGION")}
    ended = []
    for step in (run, status):
        given = {
            name: re.sub(r"\$\{\{ secrets\.(\w+) }}", lambda m: secrets[m[1]], v) for name, v in step["env"].items()
        }
        ended.append(installed.run(["bash", "-e", "-c", step["run"]], **environment, **given))
        # Nothing of the runner is left to the next job.
        shutil.rmtree(installed.folder.parent / "dlt", ignore_errors=True)
    assert (ended[0].returncode, ended[0].stdout) == (SIGN_IN, "") and "HTTP 401" in ended[0].stderr
    assert ended[1].returncode == FAILED and "HTTP 401" in ended[1].stdout
    assert Engine("postgres", address).rows("select exit_code from anaplan_audit_raw.runs") == [(SIGN_IN,)]
    assert not list(installed.folder.rglob("*.duckdb"))


def test_readme_names_every_file() -> None:
    page = (SCHEDULES / "README.md").read_text(encoding="utf-8")
    assert all(f"`{path.name}`" in page for path in SCHEDULES.iterdir() if path.is_file() and path.name != "README.md")


def test_airflow_retries_only_transient_failures() -> None:
    tree = ast.parse((SCHEDULES / "airflow_dag.py").read_text(encoding="utf-8"))
    named = {node.targets[0].id: node.value for node in tree.body if isinstance(node, ast.Assign)}
    assert set(ast.literal_eval(named["NO_RETRY"])) == POINTLESS_TO_REPEAT and LOCKED not in POINTLESS_TO_REPEAT
