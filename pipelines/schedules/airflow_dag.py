"""An Airflow 3 DAG: copy it into the DAG folder, and read README.md beside it in the repository.

One task runs the whole `run` command: load, enrich and check share one lock and, on DuckDB, one writer. A retry
continues where the last attempt ended. The pipeline has its own virtual environment, so its packages never conflict
with Airflow's.
"""

import json
import os
import urllib.request
from datetime import datetime, timedelta, timezone
from functools import cached_property
from typing import Any

from airflow.providers.standard.hooks.subprocess import SubprocessHook
from airflow.sdk import DAG, BaseOperator, Connection, Variable
from airflow.sdk.exceptions import AirflowException, AirflowFailException, AirflowNotFoundException

# The folder of the repository on the worker; its .dlt/config.toml holds the settings.
HOME = os.environ.get("ANAPLAN_AUDIT_HOME", "/opt/anaplan-audit-log")
# One slot: runs share the rate limit of the tenant, and the database file.
POOL = "anaplan_audit"
# An Airflow connection with login and password. Without it, .dlt/secrets.toml is used.
CONNECTION = "anaplan_audit"
# An Airflow variable with a Slack-compatible webhook. Without it, only Airflow shows a failure.
ALERT_URL = "anaplan_audit_alert_url"
# Configuration, sign-in (Anaplan locks accounts), failed checks: a retry would fail in the same way.
NO_RETRY = (2, 3, 6)
CREDENTIALS = "SOURCES__AUDIT_SOURCE__CREDENTIALS__"


class AuditOperator(BaseOperator):  # type: ignore[misc]
    """Runs one command of the pipeline. Its output is the log of the task, and its last line is the error."""

    def __init__(self, *, command: str, **options: Any) -> None:
        super().__init__(**options)
        self.command = command

    @cached_property
    def hook(self) -> SubprocessHook:
        """The process that runs the command."""
        return SubprocessHook()

    def execute(self, context: Any) -> None:
        """Run the command in the environment of the pipeline.

        Raises:
            AirflowFailException: A retry cannot help.
            AirflowException: A retry may help.
        """
        python = os.path.join(HOME, ".venv", "bin", "python")
        ended = self.hook.run_command([python, "-m", "pipelines.audit", self.command], env=environment(), cwd=HOME)
        if ended.exit_code:
            kind = AirflowFailException if ended.exit_code in NO_RETRY else AirflowException
            raise kind(f"exit code {ended.exit_code}: {ended.output}")

    def on_kill(self) -> None:
        """Stop the command."""
        # Loaded data is kept. The next attempt continues from there.
        self.hook.send_sigterm()


def environment() -> dict[str, str]:
    """Return the worker's environment without Airflow's variables, with the credentials of the connection."""
    own = ("AIRFLOW", "PYTHON", "VIRTUAL_ENV", "_AIRFLOW")
    variables = {name: value for name, value in os.environ.items() if not name.startswith(own)}
    try:
        connection = Connection.get(CONNECTION)
    except AirflowNotFoundException:
        return variables
    login = {"EMAIL": connection.login, "PASSWORD": connection.password}
    return variables | {CREDENTIALS + name: value for name, value in login.items() if value}


def alert(context: Any) -> None:
    """Post the failed task, and the line that says what to do, to the webhook."""
    url = Variable.get(ALERT_URL, default=None)
    if url:
        task = context["ti"]
        text = f"{task.dag_id}.{task.task_id} failed after {task.try_number} tries: {context.get('exception')}"
        headers = {"Content-Type": "application/json"}
        request = urllib.request.Request(url, json.dumps({"text": text}).encode(), headers)
        urllib.request.urlopen(request, timeout=30).close()


with DAG(
    "anaplan_audit",
    description="Anaplan audit log: load, enrich, check",
    schedule="17 * * * *",
    start_date=datetime(2026, 1, 1, tzinfo=timezone.utc),
    catchup=False,  # a run loads everything that is due, whatever its logical date
    max_active_runs=1,
    tags=["anaplan", "audit"],
) as dag:
    AuditOperator(
        task_id="run",
        command="run",
        pool=POOL,
        retries=3,
        retry_delay=timedelta(minutes=5),
        retry_exponential_backoff=True,
        max_retry_delay=timedelta(minutes=20),
        execution_timeout=timedelta(hours=6),
        on_failure_callback=alert,
    )
