"""A real Superset with the bundle of `bi/superset/`, over the published copy of a simulated company's log."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from sandbox.demo import settings_of
from sandbox.server import Sandbox
from tests.browser.serving import browser, chromium, free_port, wait_for
from tests.conftest import REPOSITORY

# Superset's own programs. `make test-superset` names the folder.
PROGRAMS = Path(os.environ["SUPERSET_BIN"])
COMPANY = {"events": 9_000, "users": 60, "incident_level": 2, "hostile_percent": 0.0}
# A time zone far from UTC: days must not depend on it.
ZONE = "America/Los_Angeles"
PASSWORD = "only for this test"
SETTINGS = """
SECRET_KEY = "a key that is long enough for a test, and for nothing else"
SQLALCHEMY_DATABASE_URI = "sqlite:///{folder}/superset.db"
TALISMAN_ENABLED = False
"""


@pytest.fixture(scope="session")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the copy for readers of a loaded company."""
    folder = tmp_path_factory.mktemp("company")
    file = folder / "audit.duckdb"
    with Sandbox(**COMPANY) as company:
        settings = settings_of(company.url, folder / "audit_log.duckdb", folder / "dlt")
        settings["PIPELINES__ANAPLAN_AUDIT_ENRICH__PUBLISH_TO"] = str(file)
        command = [sys.executable, "-m", "pipelines.audit", "run"]
        subprocess.run(command, cwd=REPOSITORY, env={**os.environ, **settings}, check=True)
    return file


def _bundle(folder: Path, copy: Path) -> Path:
    """Return the zip file that bi/superset/README.md describes, with the path of the copy in it."""
    target = shutil.copytree(REPOSITORY / "bi" / "superset" / "anaplan_audit", folder / "anaplan_audit")
    connection = target / "databases" / "anaplan_audit.yaml"
    text = connection.read_text(encoding="utf-8")
    assert "duckdb:////path/to/audit.duckdb" in text
    connection.write_text(text.replace("duckdb:////path/to/audit.duckdb", f"duckdb:///{copy}"), encoding="utf-8")
    return Path(shutil.make_archive(str(folder / "bundle"), "zip", folder, "anaplan_audit"))


@pytest.fixture(scope="session")
def address(copy: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Serve a Superset that has imported the bundle. Yields its address."""
    folder = tmp_path_factory.mktemp("superset")
    (folder / "superset_config.py").write_text(SETTINGS.format(folder=folder), encoding="utf-8")
    environment = {
        "PATH": f"{PROGRAMS}:{os.environ['PATH']}",
        "HOME": str(folder),
        "SUPERSET_HOME": str(folder),
        "SUPERSET_CONFIG_PATH": str(folder / "superset_config.py"),
        "FLASK_APP": "superset",
        "TZ": ZONE,
    }
    _superset(environment, "db", "upgrade")
    person = ("--firstname", "Ann", "--lastname", "Example", "--email", "ann@example.com")
    _superset(environment, "fab", "create-admin", "--username", "ann", *person, "--password", PASSWORD)
    _superset(environment, "init")
    _superset(environment, "import-dashboards", "-p", str(_bundle(folder, copy)), "-u", "ann")
    port = free_port()
    with (folder / "server.log").open("w") as log:
        command = [PROGRAMS / "superset", "run", "--port", str(port), "--with-threads"]
        with subprocess.Popen(command, env=environment, stdout=log, stderr=log) as process:
            try:
                wait_for(f"http://127.0.0.1:{port}/health", process)
                yield f"http://127.0.0.1:{port}"
            finally:
                process.terminate()


def _superset(environment: Mapping[str, str], *arguments: str) -> None:
    ended = subprocess.run([PROGRAMS / "superset", *arguments], env=environment, capture_output=True, text=True)
    assert ended.returncode == 0, f"superset {arguments[0]}: {ended.stdout}{ended.stderr}"


@pytest.fixture(scope="session")
def signed_in(address: str) -> Iterator[Any]:
    """Open a Chromium context that has signed in to Superset."""
    if chromium() is None:
        pytest.skip("no Chromium is installed: apt-get install chromium, or have google-chrome on the PATH")
    with browser() as opened, opened.new_context(viewport={"width": 1400, "height": 2500}, timezone_id=ZONE) as context:
        # Superset asks its maker for news, which a test must not.
        context.route(lambda url: not url.startswith(address), lambda route: route.abort())
        page = context.new_page()
        page.goto(f"{address}/login/")
        page.fill("input#username", "ann")
        page.fill("input#password", PASSWORD)
        page.keyboard.press("Enter")
        page.wait_for_url("**/welcome/**")
        page.close()
        yield context
