"""The simulated tenant for all contestants: one sandbox process with prepared pages."""

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
    """A sandbox in its own process."""

    def __init__(self, url: str, process: "subprocess.Popen[str]") -> None:
        self.url, self._process = url, process

    def control(self, path: str, body: Any = None) -> Any:
        request = urllib.request.Request(
            f"{self.url}/_sandbox{path}", data=None if body is None else json.dumps(body).encode()
        )
        with urllib.request.urlopen(request) as answer:
            return json.load(answer)

    def cpu_seconds(self) -> float:
        """Return the server's own CPU seconds, to show that the server is not the bottleneck."""
        return cpu_seconds(self._process.pid)

    def settings(self, folder: Path) -> dict[str, str]:
        """Return an environment that points the pipeline at this tenant and at a database in `folder`."""
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
    """Start a sandbox with about `events` events in 30 days, and serve every page once."""
    process = subprocess.Popen(
        [sys.executable, "-m", "sandbox", "--events", str(events), "--rate-limit", "0", *options],
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        tenant = BenchTenant(process.stdout.readline().strip(), process)
        # A stopped clock: contestants that run one after another get the same events.
        tenant.control("/clock", {"ms": tenant.control("")["now_ms"]})
        yield tenant
    finally:
        process.terminate()
        process.wait()
