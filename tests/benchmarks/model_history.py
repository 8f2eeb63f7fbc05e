"""Model history: the first read of a file of 200 MB with some 1,500,000 rows, and the next one with a few new rows.

python -m tests.benchmarks.model_history prints the table alone.
"""

import json
import re
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

import duckdb
import requests

from tests.benchmarks.measuring import Measured, measure
from tests.benchmarks.tenant import EMAIL, PASSWORD, SOURCE, BenchTenant, bench_tenant

ROWS_A_DAY = 900
# At least one of them is a working day.
DAYS = 3
MODEL = re.compile(r"model ([0-9A-F]{32}), export (\d+)")


class Download(NamedTuple):
    """A file that was fetched and thrown away: its size, and how long it took."""

    megabytes: float
    seconds: float
    cpu: float


def report() -> list[str]:
    """Return a table of both reads beside the download alone."""
    options = ("--days", "1", "--history-rows-a-day", str(ROWS_A_DAY))
    with bench_tenant(100, *options) as tenant, tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        environment = tenant.settings(folder)
        listed = _history(environment, "--dry-run").out
        # Archived and locked models have short histories, so the first is not always the longest.
        model, export = max(MODEL.findall(listed), key=lambda found: len(_export(tenant, *found)[1]))
        environment[f"{SOURCE}MODEL_HISTORY_MODELS"] = json.dumps([model])
        lines = []
        for title in ("first read", f"again, after {DAYS} days"):
            download = _download(tenant, model, export)
            before = _stored(folder)
            run = _history(environment)
            lines.append(
                f"| {title} | {_stored(folder):,} | {_stored(folder) - before:,} | {download.megabytes:.0f} "
                f"| {download.seconds:.1f} | {download.cpu:.1f} | {run.seconds:.1f} | {run.cpu:.1f} "
                f"| {run.peak_mb:.0f} |"
            )
            print(lines[-1])
            now = tenant.control("")["now_ms"]
            tenant.control("/clock", {"ms": now + DAYS * 86_400_000})
    return [
        "## Model history: one file\n",
        "| | rows | new rows | MB | download alone, s | its processor, s | `model-history`, s | its processor, s | MB |",
        "| --- |" + " --- |" * 8,
        *lines,
        "",
    ]


def _history(environment: dict[str, str], *options: str) -> Measured:
    return measure([sys.executable, "-m", "pipelines.audit", "model-history", *options], environment)


def _stored(folder: Path) -> int:
    file = folder / "audit_log.duckdb"
    if not file.exists():
        return 0
    with duckdb.connect(str(file), read_only=True) as database:
        [(number,)] = database.execute("select count(*) from anaplan_audit_raw.model_history").fetchall()
    return int(number)


def _download(tenant: BenchTenant, model: str, export: str) -> Download:
    """Run an export and fetch its file."""
    session, chunks = _export(tenant, model, export)
    began, used = time.monotonic(), time.process_time()
    size = sum(len(session.get(chunk, timeout=300).content) for chunk in chunks)
    return Download(size / 1e6, time.monotonic() - began, time.process_time() - used)


def _export(tenant: BenchTenant, model: str, export: str) -> tuple[requests.Session, list[str]]:
    """Run an export. Return a session, and the addresses of the chunks."""
    answer = requests.post(f"{tenant.url}/token/authenticate", auth=(EMAIL, PASSWORD), timeout=300)
    session = requests.Session()
    session.headers["Authorization"] = f"AnaplanAuthToken {answer.json()['tokenInfo']['tokenValue']}"
    base = f"{tenant.url}/2/0/models/{model}"
    tasks = f"{base}/exports/{export}/tasks"
    task = session.post(tasks, json={"localeName": "en_US"}, timeout=300).json()["task"]["taskId"]
    while session.get(f"{tasks}/{task}", timeout=300).json()["task"]["taskState"] != "COMPLETE":
        pass
    url = f"{base}/files/{export}/chunks"
    return session, [f"{url}/{one['id']}" for one in session.get(url, timeout=300).json()["chunks"]]


if __name__ == "__main__":
    print("\n".join(report()))
