"""The dashboard in its own process, and a Chromium to open it."""

import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
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


def free_port() -> int:
    """Return a port of this machine that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def serve(
    database: Path, port: int | None = None, others: Mapping[str, str] | None = None, options: Sequence[str] = ()
) -> Iterator[Served]:
    """Serve a database in another process until the block ends, with `others` among its settings."""
    port = port or free_port()
    command = [sys.executable, "-m", "pipelines.dashboard", "--port", str(port), *options]
    settings = {
        **os.environ,
        "PYTHONPATH": str(REPOSITORY),
        "DESTINATION__DUCKDB__CREDENTIALS": database.name,
        "RUNTIME__DLTHUB_TELEMETRY": "false",
        **(others or {}),
    }
    with subprocess.Popen(command, cwd=database.parent, env=settings, stdout=subprocess.DEVNULL) as process:
        try:
            wait_for(f"http://127.0.0.1:{port}/_stcore/health", process)
            yield Served(f"http://127.0.0.1:{port}", process)
        finally:
            process.terminate()


def wait_for(url: str, process: Any) -> None:
    """Wait until a server answers."""
    give_up_at = time.monotonic() + START_SECONDS
    while time.monotonic() < give_up_at and process.poll() is None:
        try:
            urllib.request.urlopen(url, timeout=5).close()
            return
        except (urllib.error.URLError, OSError):
            time.sleep(0.1)
    raise RuntimeError(f"the server did not start within {START_SECONDS} s: no answer from {url}")


@contextmanager
def browser() -> Iterator[Any]:
    """Open a headless Chromium."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=chromium(), args=["--no-sandbox"])
        yield opened
        opened.close()


@contextmanager
def watched_page(opened: Any) -> Iterator[tuple[Any, list[str]]]:
    """Open a new page in a time zone west of UTC. Yields it, and the dialogs and requests to other hosts so far."""
    context = opened.new_context(viewport={"width": 1280, "height": 900}, timezone_id="America/Los_Angeles")
    shown = context.new_page()
    seen: list[str] = []
    shown.on("dialog", lambda dialog: (seen.append(f"dialog {dialog.message}"), dialog.dismiss()))
    shown.on("request", lambda request: seen.append(request.url) if _is_foreign(request.url) else None)
    yield shown, seen
    context.close()


def _is_foreign(url: str) -> bool:
    return not url.startswith(("http://127.0.0.1:", "ws://127.0.0.1:", "data:", "blob:"))


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
