"""The simulated tenant that every contestant fetches from: one sandbox process, prepared pages."""

import json
import os
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.benchmarks.measuring import cpu_seconds

EMAIL, PASSWORD = "auditor@example.com", "sandbox"
SOURCE = "SOURCES__AUDIT_SOURCE__"


class BenchTenant:
    """A sandbox in a process of its own."""

    def __init__(self, url: str, process: "subprocess.Popen[str]") -> None:
        self.url, self._process = url, process

    def control(self, path: str, body: Any = None) -> Any:
        request = urllib.request.Request(
            f"{self.url}/_sandbox{path}", data=None if body is None else json.dumps(body).encode()
        )
        with urllib.request.urlopen(request) as answer:
            return json.load(answer)

    def cpu_seconds(self) -> float:
        """Returns what the server itself has used, to show that it is not what is measured."""
        return cpu_seconds(self._process.pid)

    def settings(self, folder: Path) -> dict[str, str]:
        """Returns the environment that points the pipeline here and at a database of its own."""
        return {
            **os.environ,
            **{f"{SOURCE}{service}_URL": self.url for service in ("AUTH", "API", "AUDIT", "OAUTH")},
            f"{SOURCE}CREDENTIALS__EMAIL": EMAIL,
            f"{SOURCE}CREDENTIALS__PASSWORD": PASSWORD,
            f"{SOURCE}REQUESTS_PER_MINUTE": "100000",
            "DESTINATION__DUCKDB__CREDENTIALS": str(folder / "audit_log.duckdb"),
            "DLT_DATA_DIR": str(folder / "dlt"),
        }


@contextmanager
def bench_tenant(events: int, *options: str) -> Iterator[BenchTenant]:
    """Starts a sandbox with about `events` events in 30 days, every page of which has been served once."""
    process = subprocess.Popen(
        [sys.executable, "-m", "sandbox", "--events", str(events), "--rate-limit", "0", *options],
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        tenant = BenchTenant(process.stdout.readline().strip(), process)
        # One moment for everybody: contestants that run one after the other get the same events.
        tenant.control("/clock", {"ms": tenant.control("")["now_ms"]})
        yield tenant
    finally:
        process.terminate()
        process.wait()
