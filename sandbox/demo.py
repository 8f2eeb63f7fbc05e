"""make demo: load and enrich the audit log of a simulated company, and show a report.

All files are in `.demo/`. The pipeline runs as users run it: as a command, with its settings in the environment.
"""

import csv
import os
import shutil
import subprocess
import sys
from pathlib import Path

from pipelines import audit
from pipelines.common.network_names import HEADER, USUAL_FILE

from .world.names import OFFICES
from .world.stories import ABROAD

FOLDER = Path(".demo")
DATABASE = FOLDER / "audit_log.duckdb"
NETWORKS = FOLDER / USUAL_FILE
# No hostile texts: the dashboard would show them as names.
COMPANY = {"events": 60_000, "users": 250, "no-access-models": 2, "rate-limit": 0, "incident-level": 2}
# Alerts about the demo would alarm somebody.
CHANNELS = ("WEBHOOK_URL", "TEAMS_WEBHOOK_URL", "JSON_WEBHOOK_URL", "PAGERDUTY_ROUTING_KEY", "EMAIL_TO", "PING_URL")
# The first run reads every model, and what changed inside the models that export their history.
SHOWN = {"MODEL_HISTORY": "true", "MODEL_REQUESTS_PER_RUN": "1000", "REQUESTS_PER_MINUTE": "100000"}

NEXT = """
What next
  See it            make dashboard      in the browser: sign-ins, usage, changes, access, findings
  Look around       duckdb {database}   (or python: duckdb.connect("{database}").sql("from anaplan_audit.fct_events"))
  Again             make demo           loads only what happened since
  Your own tenant   make init, put your credentials into .dlt/secrets.toml, then: make run
"""


def main() -> int:
    """Run the demo. Returns the exit code of the pipeline; the sandbox stops with it."""
    FOLDER.mkdir(exist_ok=True)
    write_networks(NETWORKS)
    sandbox = subprocess.Popen(
        [sys.executable, "-m", str(__package__), *(f"--{name}={value}" for name, value in COMPANY.items())],
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert sandbox.stdout is not None
        url = sandbox.stdout.readline().strip()
        if not url:
            return sandbox.wait() or 1
        print(f"A simulated Anaplan tenant answers at {url}\n", flush=True)
        code = _audit(["run"], url) or _audit(["report"], url)
    finally:
        sandbox.terminate()
        sandbox.wait()
    if code == 0:
        print(NEXT.format(database=os.path.relpath(DATABASE)))
    return code


def _audit(arguments: list[str], url: str) -> int:
    command = [sys.executable, "-m", audit.__name__, *arguments]
    shown = {f"SOURCES__AUDIT_SOURCE__{name}": value for name, value in SHOWN.items()}
    named = {"PIPELINES__ANAPLAN_AUDIT_ENRICH__NETWORK_NAMES": str(NETWORKS)}
    settings = {**os.environ, **settings_of(url, DATABASE, FOLDER / "dlt"), **shown, **named}
    return subprocess.run(command, env=settings, check=False).returncode


def write_networks(path: Path) -> None:
    """Write the list of the company's networks, so that sign-ins show where they came from."""
    offices = [(f"{part}.0.0/16", f"{city} office", country) for city, country, _, part in OFFICES]
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([HEADER, *offices, (f"{ABROAD}.0/24", "Hotel", "Brazil")])


def settings_of(url: str, database: Path, data_dir: Path) -> dict[str, str]:
    """Return an environment in which the pipeline loads the tenant at `url` and ignores the user's own settings."""
    source = "SOURCES__AUDIT_SOURCE__"
    return {
        **{f"{source}{service}_URL": url for service in ("AUTH", "API", "AUDIT", "OAUTH", "CLOUDWORKS")},
        f"{source}AUTH": "password",
        f"{source}CREDENTIALS__EMAIL": "auditor@example.com",
        f"{source}CREDENTIALS__PASSWORD": "sandbox",
        "PIPELINES__ANAPLAN_AUDIT__DESTINATION_TYPE": "duckdb",
        "DESTINATION__DUCKDB__CREDENTIALS": str(database),
        "DLT_DATA_DIR": str(data_dir.resolve()),
        "PIPELINES__ANAPLAN_AUDIT_ENRICH__PUBLISH_TO": "",
        "FORWARD__AFTER_RUN": "false",
        "METRICS__PROMETHEUS_FILE": "",
        "METRICS__OTLP_ENDPOINT": "",
        **{f"ALERTS__{name}": "" for name in CHANNELS},
    }


if __name__ == "__main__":
    if "--fresh" in sys.argv:
        shutil.rmtree(FOLDER, ignore_errors=True)
    sys.exit(main())
