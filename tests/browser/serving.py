"""The dashboard in its own process, and a Chromium to open it."""

import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from tests.benchmarks.measuring import cpu_seconds
from tests.conftest import REPOSITORY

START_SECONDS = 60


def chromium() -> str | None:
    """Return the path of an installed Chromium, None without one."""
    return next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)


class Served(NamedTuple):
    """A running dashboard."""

    address: str
    process: Any

    def cpu_seconds(self) -> float:
        """Return the CPU seconds that the server has used."""
        return cpu_seconds(self.process.pid)


@contextmanager
def dashboard(database: Path) -> Iterator[str]:
    """Serve a database. Yields the address."""
    with serve(database) as served:
        yield served.address


@contextmanager
def serve(database: Path) -> Iterator[Served]:
    """Serve a database in another process until the block ends."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "pipelines.dashboard", "--port", str(port)]
    settings = {
        **os.environ,
        "PYTHONPATH": str(REPOSITORY),
        "DESTINATION__DUCKDB__CREDENTIALS": database.name,
        "RUNTIME__DLTHUB_TELEMETRY": "false",
    }
    with subprocess.Popen(command, cwd=database.parent, env=settings, stdout=subprocess.DEVNULL) as process:
        try:
            _wait_for(f"http://127.0.0.1:{port}/_stcore/health", process)
            yield Served(f"http://127.0.0.1:{port}", process)
        finally:
            process.terminate()


def _wait_for(url: str, process: Any) -> None:
    give_up_at = time.monotonic() + START_SECONDS
    while time.monotonic() < give_up_at and process.poll() is None:
        try:
            urllib.request.urlopen(url, timeout=5).close()
            return
        except (urllib.error.URLError, OSError):
            time.sleep(0.1)
    raise RuntimeError(f"the dashboard did not start within {START_SECONDS} s: no answer from {url}")


@contextmanager
def browser() -> Iterator[Any]:
    """Open a headless Chromium."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=chromium(), args=["--no-sandbox"])
        yield opened
        opened.close()


def wait_until_scripts_end(page: Any) -> None:
    """Wait until the script has finished: a page need not have a chart."""
    page.wait_for_timeout(300)
    page.locator("[data-testid=stApp][data-test-script-state=notRunning]").wait_for()
    page.locator("[data-stale=true]").first.wait_for(state="detached")


def wait_until_drawn(page: Any) -> None:
    """Wait until the script has finished and its charts are drawn."""
    page.locator("[data-testid=stVegaLiteChart] svg, [data-testid=stVegaLiteChart] canvas").first.wait_for()
    page.locator("[data-testid=stApp][data-test-script-state=notRunning]").wait_for()
    page.locator("[data-stale=true]").first.wait_for(state="detached")
