"""The DAG in a real Airflow, with its own packages and database, against the sandbox. `make test-airflow` runs it."""

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from sandbox.server import Sandbox
from tests.conftest import REPOSITORY, Engine

AIRFLOW = Path(os.environ["AIRFLOW_BIN"])
SCHEDULES = REPOSITORY / "pipelines" / "schedules"


class Airflow:
    """An Airflow set up like pipelines/schedules/README.md, for one installation of the pipeline."""

    def __init__(self, folder: Path) -> None:
        self.installed = folder / "anaplan-audit-log"
        self.database = self.installed / "audit_log.duckdb"
        self.environment = {
            "PATH": f"{AIRFLOW}:{os.environ['PATH']}",
            "HOME": str(folder),
            "AIRFLOW_HOME": str(folder / "airflow"),
            "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
            "ANAPLAN_AUDIT_HOME": str(self.installed),
            # The worker's own settings and packages must not reach the pipeline.
            "PYTHONPATH": str(folder / "airflow" / "dags"),
            "DLT_DATA_DIR": str(folder / "dlt"),
        }
        (folder / "airflow" / "dags").mkdir(parents=True)
        shutil.copy(SCHEDULES / "airflow_dag.py", folder / "airflow" / "dags")
        (folder / "airflow" / "dags" / "dlt.py").write_text("raise ImportError('not the dlt of the pipeline')\n")
        self.command("airflow db migrate")

    def install(self, url: str) -> None:
        """Create the pipeline's folder again, with the addresses of a tenant in its configuration."""
        shutil.rmtree(self.installed, ignore_errors=True)
        (self.installed / ".dlt").mkdir(parents=True)
        for name in ("audit_source", "pipelines"):
            (self.installed / name).symlink_to(REPOSITORY / name)
        (self.installed / ".venv").symlink_to(sys.prefix)
        settings = (REPOSITORY / ".dlt" / "config.toml.example").read_text(encoding="utf-8")
        addresses = "".join(f'{service}_url = "{url}"\n' for service in ("auth", "api", "audit"))
        settings = settings.replace('region = "us1"', addresses + "#").replace("max_attempts = 5", "max_attempts = 1")
        (self.installed / ".dlt" / "config.toml").write_text(settings)

    def command(self, command: str, **more: str) -> str:
        ended = subprocess.run(
            shlex.split(command), env={**self.environment, **more}, capture_output=True, text=True, check=False
        )
        assert ended.returncode == 0, ended.stdout[-3000:] + ended.stderr[-3000:]
        return ended.stdout + ended.stderr

    def run(self, retries: int, **more: str) -> tuple[dict[str, Any], str]:
        """Run the DAG once. Returns the task's result and its log."""
        program = REPOSITORY / "tests" / "airflow" / "run_dag.py"
        dag = Path(self.environment["AIRFLOW_HOME"]) / "dags" / "airflow_dag.py"
        output = self.command(f"{AIRFLOW}/python {program} {dag} {retries}", **more)
        (ended,) = re.findall(r"^\{.*\}$", output, re.MULTILINE)
        return json.loads(ended), output


@pytest.fixture(scope="module")
def airflow(tmp_path_factory: pytest.TempPathFactory) -> Airflow:
    made = Airflow(tmp_path_factory.mktemp("airflow"))
    readme = (SCHEDULES / "README.md").read_text(encoding="utf-8")
    commands = re.findall(r"^(airflow pools set .+)$", readme, re.MULTILINE)
    assert commands
    for command in commands:
        made.command(command)
    return made


@pytest.fixture
def webhook() -> Iterator[tuple[str, list[dict[str, Any]]]]:
    received: list[dict[str, Any]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            received.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/hook", received
        server.shutdown()


def connection(password: str) -> str:
    return json.dumps({"conn_type": "generic", "login": "auditor@example.com", "password": password})


def sign_ins(sandbox: Sandbox) -> int:
    return sum(request.path.endswith("/token/authenticate") for request in sandbox.requests)


def test_rows_arrive(airflow: Airflow) -> None:
    with Sandbox(events=400, days=3, users=10, rate_limit=0, weekend=1.0) as sandbox:
        airflow.install(sandbox.url)
        ended, log = airflow.run(3, AIRFLOW_CONN_ANAPLAN_AUDIT=connection("sandbox"))
        held = {sent["id"] for sent in sandbox.truth()}
    assert ended == {"state": "success", "tries": 1, "pool": "anaplan_audit"}
    loaded = {
        row[0] for row in Engine("duckdb", str(airflow.database)).rows("select event_id from anaplan_audit.fct_events")
    }
    # The next run loads the events of the last minute.
    assert loaded <= held and len(held - loaded) < 20 < len(loaded)
    assert "checks passed" in log


def test_refused_sign_in_fails_at_once_and_is_alerted(airflow: Airflow, webhook: tuple[str, list[dict]]) -> None:
    url, received = webhook
    with Sandbox(events=400, days=3, users=10, rate_limit=0) as sandbox:
        airflow.install(sandbox.url)
        ended, log = airflow.run(
            3, AIRFLOW_CONN_ANAPLAN_AUDIT=connection("wrong horse"), AIRFLOW_VAR_ANAPLAN_AUDIT_ALERT_URL=url
        )
        assert sign_ins(sandbox) == 1
    assert (ended["state"], ended["tries"]) == ("failed", 1)
    (alert,) = received
    assert alert["text"].startswith("anaplan_audit.run failed after 1 tries: exit code 3: audit: POST ")
    assert "HTTP 401" in alert["text"] and "wrong horse" not in alert["text"] + log


def test_unreachable_tenant_is_tried_again(airflow: Airflow, webhook: tuple[str, list[dict]]) -> None:
    url, received = webhook
    airflow.install("http://127.0.0.1:1")
    ended, _ = airflow.run(1, AIRFLOW_CONN_ANAPLAN_AUDIT=connection("sandbox"), AIRFLOW_VAR_ANAPLAN_AUDIT_ALERT_URL=url)
    assert (ended["state"], ended["tries"]) == ("failed", 2)
    assert [text["text"][:54] for text in received] == ["anaplan_audit.run failed after 2 tries: exit code 4: a"]


def test_credentials_of_the_folder_are_used_where_airflow_has_none(airflow: Airflow) -> None:
    with Sandbox(events=400, days=3, users=10, rate_limit=0) as sandbox:
        airflow.install(sandbox.url)
        secrets = airflow.installed / ".dlt" / "secrets.toml"
        secrets.write_text('[sources.audit_source.credentials]\nemail = "norole@example.com"\npassword = "sandbox"\n')
        secrets.chmod(0o600)
        ended, log = airflow.run(0)
        assert sign_ins(sandbox) == 1
    assert ended["state"] == "failed" and "Tenant Auditor role" in log
