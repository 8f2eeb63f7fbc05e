"""make demo: load and enrich the audit log of a simulated company, and show a report.

All files are in `.demo/`. The pipeline runs as users run it: as a command, with its settings in the environment.
"""

import csv
import json
import os
import shutil
import subprocess
import sys
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pipelines import audit
from pipelines.common.network_names import HEADER, USUAL_FILE

from .world.clock import DAY
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

# A first demo lacks days, so that the pages and `status` show what they say then. The first load is twelve days old and
# goes back to day 30; until the next one, the tenant keeps ten days. That one ends a day ago; the next demo does not.
PAUSE_DAYS, FIRST_DAYS, KEPT_DAYS = 12, 18, 10
HISTORY_DAYS = "SOURCES__AUDIT_SOURCE__HISTORY_DAYS"
FIRST_RUN = {"SOURCES__AUDIT_SOURCE__SAFETY_LAG_SECONDS": str(DAY // 1000)}

LACKS = """
What this log lacks, so that you see how it is shown
  Two days          no run for twelve days, while the tenant kept ten: lost
  The last day      the run ended a day before now: stale, until you call make demo again
"""
NEXT = """
What next
  See it            make dashboard      in the browser: sign-ins, usage, changes, access, findings
  Look around       duckdb {database}   (or python: duckdb.connect("{database}").sql("from anaplan_audit.fct_events"))
  What is missing   make status         the lost days, and how old the data is
  Again             make demo           loads only what happened since
  Your own tenant   make init, put your credentials into .dlt/secrets.toml, then: make run
"""


def main() -> int:
    """Run the demo. Returns the exit code of the pipeline; the sandbox stops with it."""
    FOLDER.mkdir(exist_ok=True)
    write_networks(NETWORKS)
    first = not DATABASE.exists()
    with subprocess.Popen(
        [sys.executable, "-m", str(__package__), *(f"--{name}={value}" for name, value in COMPANY.items())],
        stdout=subprocess.PIPE,
        text=True,
    ) as sandbox:
        try:
            assert sandbox.stdout is not None
            url = sandbox.stdout.readline().strip()
            code = _load_and_show(url, first) if url else sandbox.wait() or 1
        finally:
            sandbox.terminate()
    if code == 0:
        print(LACKS if first else "", end="")
        print(NEXT.format(database=os.path.relpath(DATABASE)))
    return code


def _load_and_show(url: str, first: bool) -> int:
    print(f"A simulated Anaplan tenant answers at {url}\n", flush=True)
    code = _load_of_the_past(url) if first else 0
    return code or _audit(["run"], url, FIRST_RUN if first else {}) or _audit(["report"], url, {})


def _load_of_the_past(url: str) -> int:
    """Load the events of before the pause, by the tenant's clock of then. Shows the output only if that failed."""
    _steer(url, "clock", offset_ms=-PAUSE_DAYS * DAY)
    _steer(url, "settings", server_date=True, retention_days=FIRST_DAYS)
    print("Loading the events of before a pause of twelve days ...\n", flush=True)
    command = [sys.executable, "-m", audit.__name__, "load"]
    settings = {**os.environ, **settings_of(url, DATABASE, FOLDER / "dlt"), HISTORY_DAYS: str(FIRST_DAYS)}
    ended = subprocess.run(command, env=settings, check=False, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    if ended.returncode:
        sys.stdout.buffer.write(ended.stdout)
    _steer(url, "clock")
    _steer(url, "settings", server_date=False, retention_days=KEPT_DAYS)
    return ended.returncode


def _steer(url: str, what: str, **values: Any) -> None:
    body = urllib.request.Request(f"{url}/_sandbox/{what}", json.dumps(values).encode())
    urllib.request.urlopen(body, timeout=30).close()


def _audit(arguments: list[str], url: str, more: Mapping[str, str]) -> int:
    command = [sys.executable, "-m", audit.__name__, *arguments]
    shown = {f"SOURCES__AUDIT_SOURCE__{name}": value for name, value in SHOWN.items()}
    named = {"PIPELINES__ANAPLAN_AUDIT_ENRICH__NETWORK_NAMES": str(NETWORKS)}
    kept = {HISTORY_DAYS: str(KEPT_DAYS)}
    settings = {**os.environ, **settings_of(url, DATABASE, FOLDER / "dlt"), **shown, **named, **kept, **more}
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
