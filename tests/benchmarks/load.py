"""make bench: how fast and with how much memory a month is loaded and enriched.

The sandbox runs as a process of its own, so the two cores are shared as they are with a real server on one machine;
a plain loop of requests and JSON decoding over the same pages, which keeps nothing, is timed in the same run.
"""

import json
import os
import resource
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

EVENTS = int(os.environ.get("BENCH_EVENTS", "100000"))
SOURCE = "SOURCES__AUDIT_SOURCE__"


def settings(url: str, folder: str) -> dict[str, str]:
    """Returns the environment that points the pipeline at the sandbox and at a fresh database."""
    return {
        **os.environ,
        **{f"{SOURCE}{service}_URL": url for service in ("AUTH", "API", "AUDIT", "OAUTH")},
        f"{SOURCE}CREDENTIALS__EMAIL": "auditor@example.com",
        f"{SOURCE}CREDENTIALS__PASSWORD": "sandbox",
        f"{SOURCE}REQUESTS_PER_MINUTE": "10000",
        "DESTINATION__DUCKDB__CREDENTIALS": str(Path(folder) / "audit_log.duckdb"),
        "DLT_DATA_DIR": str(Path(folder) / "dlt"),
    }


def measured(command: str, environment: dict[str, str]) -> str:
    """Runs one command of the pipeline; returns its lines, with its seconds and its peak of memory."""
    began = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-m", "pipelines.audit", command], env=environment, capture_output=True, text=True, check=True
    )
    seconds = time.monotonic() - began
    assert done.stderr.count("WARNING") == 0, done.stderr
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    return f"{command}: {seconds:.1f} s with start-up, peak of all so far {peak:.0f} MB\n{done.stdout}"


def plain_loop(url: str) -> tuple[int, float]:
    """Fetches and decodes the same events day by day, one request after the other; returns their number and the seconds."""
    request = urllib.request.Request(
        f"{url}/token/authenticate",
        method="POST",
        headers={"Authorization": "Basic YXVkaXRvckBleGFtcGxlLmNvbTpzYW5kYm94"},
    )
    token = json.load(urllib.request.urlopen(request))["tokenInfo"]["tokenValue"]
    began, number, now = time.monotonic(), 0, int(time.time() * 1000)
    for day in range(30):
        span = f"dateFrom={now - (30 - day) * 86_400_000}&dateTo={now - (29 - day) * 86_400_000}&limit=10000"
        offset, total = 0, 1
        while offset < total:
            page = urllib.request.Request(
                f"{url}/audit/api/1/events?{span}&offset={offset}",
                headers={"Authorization": f"AnaplanAuthToken {token}"},
            )
            answer = json.load(urllib.request.urlopen(page))
            total = answer["meta"]["paging"]["totalSize"]
            offset += max(1, len(answer["response"]))
            number += len(answer["response"])
    return number, time.monotonic() - began


def main() -> None:
    sandbox = subprocess.Popen(
        [sys.executable, "-m", "sandbox", "--events", str(EVENTS), "--rate-limit", "0"],
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert sandbox.stdout is not None
        url = sandbox.stdout.readline().strip()
        number, seconds = plain_loop(url)
        print(f"plain loop: {number:,} events fetched and decoded, nothing kept, {seconds:.1f} s")
        with tempfile.TemporaryDirectory() as folder:
            for command in ("load", "enrich", "load", "enrich"):
                print(measured(command, settings(url, folder)))
    finally:
        sandbox.terminate()
        sandbox.wait()


if __name__ == "__main__":
    main()
