"""The wheel works in an environment without the checkout: every command, its data files and its processes.

Packages of another project with the names of the checkout's come first on the path, and do no harm.
"""

import ast
import os
import re
import runpy
import shutil
import socket
import subprocess
import sys
import sysconfig
import time
import urllib.request
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest

from pipelines.common.version import own_version
from sandbox.demo import settings_of
from tests.conftest import REPOSITORY

OWNER = "anaplan_audit_log"
ROOTS = ("audit_source", "pipelines", "sandbox")
BUILT_FROM = (*ROOTS, "pyproject.toml", "setup.py", "MANIFEST.in", "README.md", "LICENSE")
# For a reader of the checkout, or for a copy of a folder into another project.
NOT_INSTALLED = ("pipelines/schedules/", "audit_source/README.md", "audit_source/requirements.txt")
EVENTS, USERS = 1500, 40
IMPORT = re.compile(rf"^ *(?:from|import) +(?:{'|'.join(ROOTS)})\b.*", re.MULTILINE)


class Installation:
    """An environment in which only the wheel is installed, beside the dependencies."""

    def __init__(self, folder: Path, wheel: Path) -> None:
        self.folder = folder / "elsewhere"
        self.folder.mkdir()
        venv = folder / "venv"
        subprocess.run([sys.executable, "-m", "venv", "--without-pip", venv], check=True)
        self.python = venv / "bin" / "python"
        pip = [sys.executable, "-m", "pip", "--python", self.python, "install", "-q", "--no-index", "--no-deps", wheel]
        subprocess.run(pip, check=True)
        packages = next(venv.glob("lib/python*/site-packages"))
        # Read after the packages of the environment itself.
        (packages / "dependencies.pth").write_text(sysconfig.get_path("purelib"), encoding="utf-8")
        self.command = venv / "bin" / "anaplan-audit"
        self.environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
        self.environment["RUNTIME__DLTHUB_TELEMETRY"] = "false"
        self.environment["PYTHONPATH"] = str(packages_of_another_project(folder / "others"))

    def run(self, *arguments: str) -> str:
        """Run the command in a folder of its own; return what it printed."""
        return self._ended([self.command, *arguments])

    def code(self, text: str) -> str:
        """Run Python code; return what it printed."""
        return self._ended([self.python, "-c", text])

    def start(self, *command: "str | Path") -> "subprocess.Popen[str]":
        return subprocess.Popen(
            command, cwd=self.folder, env=self.environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )

    def _ended(self, command: list["str | Path"]) -> str:
        process = self.start(*command)
        out, err = process.communicate(timeout=120)
        assert process.returncode == 0, out + err
        return out


def packages_of_another_project(folder: Path) -> Path:
    """Write packages with the names of the checkout's; each ends the program that imports it."""
    for name in (*ROOTS, "tests"):
        (folder / name).mkdir(parents=True)
        (folder / name / "__init__.py").write_text("raise SystemExit('another project')\n", encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("build")
    source = folder / "source"
    for name in BUILT_FROM:
        if (REPOSITORY / name).is_dir():
            shutil.copytree(REPOSITORY / name, source / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(REPOSITORY / name, source)
    shutil.copytree(REPOSITORY / ".dlt", source / ".dlt")
    (source / ".dlt" / "secrets.toml").write_text("password = 'must-not-be-built'", encoding="utf-8")
    pip = [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "--no-build-isolation", "--no-index"]
    subprocess.run([*pip, "-w", folder, source], check=True)
    (built,) = folder.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def installation(tmp_path_factory: pytest.TempPathFactory, wheel: Path) -> Iterator[Installation]:
    """An environment with the wheel, and a tenant that answers it."""
    folder = tmp_path_factory.mktemp("installed")
    installed = Installation(folder, wheel)
    sandbox = installed.start(
        installed.python, "-m", f"{OWNER}.sandbox", f"--events={EVENTS}", f"--users={USERS}", "--late-percent=0"
    )
    try:
        assert sandbox.stdout is not None
        url = sandbox.stdout.readline().strip()
        installed.environment.update(settings_of(url, Path("audit_log.duckdb"), folder / "dlt"))
        yield installed
    finally:
        sandbox.terminate()
        sandbox.communicate()


@pytest.fixture(scope="module")
def loaded(installation: Installation) -> Installation:
    installation.run("run")
    return installation


def files(wheel: Path) -> set[str]:
    with zipfile.ZipFile(wheel) as archive:
        return set(archive.namelist())


def test_wheel_holds_one_top_level_name(wheel: Path) -> None:
    assert {name.partition("/")[0] for name in files(wheel)} == {OWNER, f"{OWNER}-{own_version()}.dist-info"}


def test_wheel_holds_every_file_of_the_packages_and_no_secret(wheel: Path) -> None:
    wanted = {
        f"{OWNER}/{name}"
        for root in ROOTS
        for path in (REPOSITORY / root).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
        if not (name := path.relative_to(REPOSITORY).as_posix()).startswith(NOT_INSTALLED)
    }
    settings = {f"{OWNER}/pipelines/cli/settings/{name}" for name in ("config.toml.example", "secrets.toml.example")}
    found = {name for name in files(wheel) if not name.startswith(f"{OWNER}-")}
    assert found == wanted | settings | {f"{OWNER}/__init__.py"}


def test_no_module_of_the_wheel_imports_by_the_names_of_the_checkout(wheel: Path) -> None:
    found = []
    with zipfile.ZipFile(wheel) as archive:
        for name in (name for name in archive.namelist() if name.endswith(".py")):
            for node in ast.walk(ast.parse(archive.read(name))):
                modules = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
                modules += [node.module or ""] if isinstance(node, ast.ImportFrom) and not node.level else []
                found += [(name, module) for module in modules if module.partition(".")[0] in ROOTS]
                # The build renames no import in a text that is run as code.
                is_text = isinstance(node, ast.Constant) and isinstance(node.value, str)
                found += [(name, line) for line in IMPORT.findall(node.value)] if is_text else []
    assert found == []


def test_version(installation: Installation) -> None:
    assert installation.run("--version") == f"anaplan-audit-log {own_version()}\n"


def test_help_names_the_installed_command(installation: Installation) -> None:
    assert installation.run("--help").startswith("Usage: anaplan-audit ")


def test_run_loads_every_event_that_the_tenant_holds(loaded: Installation) -> None:
    with duckdb.connect(str(loaded.folder / "audit_log.duckdb"), read_only=True) as database:
        counts = [
            database.execute(f"select count(*) from {table}").fetchall()[0][0]
            for table in ("anaplan_audit_raw.events", "anaplan_audit.fct_events", "anaplan_audit_raw.users")
        ]
        failed = database.execute("select count(*) from anaplan_audit.check_results where status = 'failed'").fetchall()
        versions = database.execute("select distinct versions from anaplan_audit_raw.runs").fetchall()
    assert counts[0] == counts[1] >= EVENTS * 0.95
    assert counts[2] >= USERS
    assert failed == [(0,)]
    assert [text.startswith(f"anaplan-audit-log {own_version()}, python ") for (text,) in versions] == [True]


def test_every_command_answers(installation: Installation) -> None:
    names = installation.code(ASK_EVERY_COMMAND).split()
    assert {"run", "load", "enrich", "check", "status", "login", "purge", "dashboard", "dictionary"} <= set(names)


ASK_EVERY_COMMAND = f"""
from click.testing import CliRunner
from {OWNER}.pipelines.audit import cli
for name in cli.commands:
    assert CliRunner().invoke(cli, [name, "--help"], prog_name="anaplan-audit").exit_code == 0, name
    print(name)
"""


@pytest.mark.long
def test_report_status_and_export(loaded: Installation) -> None:
    assert "busiest models" in loaded.run("report").lower()
    assert "nothing is missing" in loaded.run("status")
    loaded.run("export", "fct_events", "--to", "events.jsonl")
    assert len((loaded.folder / "events.jsonl").read_text(encoding="utf-8").splitlines()) >= EVENTS * 0.95


@pytest.mark.long
def test_dictionary(installation: Installation) -> None:
    installation.run("dictionary", "dictionary.html")
    text = (installation.folder / "dictionary.html").read_text(encoding="utf-8")
    assert "fct_events" in text and (REPOSITORY / "pipelines/data_dictionary/page.css").read_text("utf-8") in text


def test_init_writes_the_settings_once(installation: Installation) -> None:
    assert "Wrote .dlt/config.toml" in installation.run("init")
    written = installation.folder / ".dlt"
    for name in ("config.toml.example", "secrets.toml.example"):
        assert (written / name).read_bytes() == (REPOSITORY / ".dlt" / name).read_bytes()
    (written / "config.toml").write_text("# mine\n", encoding="utf-8")
    assert "Kept .dlt/config.toml" in installation.run("init")
    assert (written / "config.toml").read_text(encoding="utf-8") == "# mine\n"


def test_second_process_decodes(installation: Installation) -> None:
    """The process that decodes starts from the wheel; the pipeline would hide its failure and decode by itself."""
    installation.folder.joinpath("page.json").write_text('{"response": [], "meta": {"paging": {"totalSize": 0}}}')
    assert installation.code(DECODE).strip() == "(0, 0)"


DECODE = f"""
from {OWNER}.audit_source.events.decode_process import DecodeProcess
process = DecodeProcess("working")
assert process.wait_until_ready(60)
print(tuple(process.decode("page.json", 0)))
process.close()
"""


@pytest.mark.long
def test_dashboard_draws_its_first_page(loaded: Installation) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    server = loaded.start(loaded.command, "dashboard", "--port", str(port))
    try:
        assert server.stdout is not None
        assert f"http://localhost:{port}" in server.stdout.readline()
        assert answer_of(f"http://127.0.0.1:{port}/_stcore/health") == "ok"
    finally:
        server.terminate()
        server.communicate()
    drawn = loaded.code(
        "from streamlit.testing.v1 import AppTest\n"
        f"from {OWNER}.pipelines.dashboard import app\n"
        "page = AppTest.from_file(app.__file__, default_timeout=60).run()\n"
        "print(len(page.exception), len(page.metric) > 0)"
    )
    assert drawn.split() == ["0", "True"]


def answer_of(address: str) -> str:
    deadline = time.monotonic() + 30
    while True:
        try:
            with urllib.request.urlopen(address, timeout=5) as answer:
                return str(answer.read().decode())
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)


@pytest.fixture(scope="module")
def build() -> dict[str, Any]:
    return runpy.run_path(str(REPOSITORY / "setup.py"))


@pytest.mark.parametrize(
    ("checkout", "installed"),
    [
        ("from pipelines.run import load", f"from {OWNER}.pipelines.run import load"),
        ("import audit_source", f"from {OWNER} import audit_source"),
        ("if 1:\n    from sandbox import demo  # why", f"if 1:\n    from {OWNER}.sandbox import demo  # why"),
        ("from .run import load", "from .run import load"),
        ("import pipelines_of_others", "import pipelines_of_others"),
        ("key = 'sources.audit_source.region'", "key = 'sources.audit_source.region'"),
        ("hint = 'python -m pipelines.audit run'", "hint = 'anaplan-audit run'"),
    ],
)
def test_build_renames_imports_and_commands_only(build: dict[str, Any], checkout: str, installed: str) -> None:
    assert build["installed_source"](checkout, "module.py") == installed


@pytest.mark.parametrize("line", ["import pipelines.run", "import os, audit_source"])
def test_build_refuses_an_import_that_it_cannot_rename(build: dict[str, Any], line: str) -> None:
    with pytest.raises(build["SetupError"], match=r"module\.py:1"):
        build["installed_source"](line, "module.py")
