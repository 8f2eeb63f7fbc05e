"""make bench-dashboard: time to open every page on 1,000,000 events, in a Chromium with an empty cache.

An argument sets another number of events, or the path of an existing database.
"""

import os
import re
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, NamedTuple

import duckdb

from pipelines.dashboard.app import PAGES
from tests.benchmarks.measuring import measure
from tests.benchmarks.tenant import bench_tenant
from tests.browser.serving import Served, browser, chromium, serve, wait_until_drawn, wait_until_scripts_end

EVENTS, STARTS, OPENINGS = 1_000_000, 3, 3
SEARCHED = {"import": "a word of many events", "zzzqqq": "a word of no event"}


class Opening(NamedTuple):
    """Seconds from the request until the title and the whole Overview are drawn, and the server's CPU seconds."""

    titled: float
    drawn: float
    server_cpu: float
    is_first: bool


def main() -> int:
    if chromium() is None:
        print("bench-dashboard: no Chromium is installed (apt-get install chromium).", file=sys.stderr)
        return 2
    wanted = sys.argv[1] if len(sys.argv) > 1 else str(EVENTS)
    if wanted.isdigit():
        with tempfile.TemporaryDirectory() as folder:
            print("\n".join(report(load(int(wanted), Path(folder)))))
    else:
        print("\n".join(report(Path(wanted).resolve())))
    return 0


def load(events: int, folder: Path) -> Path:
    """Load and enrich a tenant with about `events` events. Return the path of the database."""
    with bench_tenant(events) as tenant:
        measure([sys.executable, "-m", "pipelines.audit", "run"], tenant.settings(folder))
    return folder / "audit_log.duckdb"


def report(database: Path) -> list[str]:
    """Open the Overview with new servers and new browsers, and return a table."""
    with duckdb.connect(str(database), read_only=True) as connection:
        [(events,)] = connection.execute("select count(*) from anaplan_audit.fct_events").fetchall()
    openings, starts, searches = [], [], []
    visits: dict[str, list[float]] = {name: [] for name in PAGES}
    with browser() as opened:
        for _ in range(STARTS):
            began = time.monotonic()
            with serve(database) as served:
                starts.append(time.monotonic() - began)
                openings += [_open(opened, served, is_first=number == 0) for number in range(OPENINGS)]
                searches.append([_search(opened, served, text) for text in SEARCHED])
                for name, seconds in visits.items():
                    seconds.append(_visit(opened, served, name))
    lines = [
        f"## The dashboard on {events:,} events\n",
        "| | title, s, median (min to max) | Overview drawn, s, median (min to max) | server's CPU, s |",
        "| --- | --- | --- | --- |",
    ]
    for name, is_first in (("first reader after the start", True), ("later readers", False)):
        rows = [opening for opening in openings if opening.is_first == is_first]
        cells = [_spread([row.titled for row in rows]), _spread([row.drawn for row in rows])]
        lines.append(f"| {name} | {' | '.join(cells)} | {statistics.median(row.server_cpu for row in rows):.2f} |")
    lines += [
        "\n| event search in the whole log | until a page of results is shown, s, median (min to max) |",
        "| --- | --- |",
    ]
    for text, seconds in zip(SEARCHED.values(), zip(*searches, strict=True), strict=True):
        lines.append(f"| {text} | {_spread(list(seconds))} |")
    lines += ["\n| page, of the whole log | drawn, s, median (min to max) |", "| --- | --- |"]
    lines += [f"| {PAGES[name].title} | {_spread(seconds)} |" for name, seconds in visits.items()]
    return [*lines, f"\nThe server starts in {_spread(starts)} s. Browser and server share {os.cpu_count()} cores.\n"]


def _open(opened: Any, served: Served, *, is_first: bool) -> Opening:
    with opened.new_context(viewport={"width": 1280, "height": 900}) as context:
        page = context.new_page()
        cpu, began = served.cpu_seconds(), time.monotonic()
        page.goto(served.address)
        page.get_by_role("heading", name="Overview", level=1).wait_for()
        titled = time.monotonic() - began
        wait_until_drawn(page)
        drawn = time.monotonic() - began
        assert page.get_by_text(re.compile("Nothing in this period")).count() == 0
        return Opening(titled, drawn, served.cpu_seconds() - cpu, is_first)


def _visit(opened: Any, served: Served, name: str) -> float:
    """Return the seconds until a page of the whole log, which nobody opened before, is drawn in a new browser."""
    with opened.new_context(viewport={"width": 1280, "height": 900}) as context:
        page = context.new_page()
        began = time.monotonic()
        page.goto(f"{served.address}/{name}?period=Whole+log")
        page.get_by_role("heading", name=PAGES[name].title, exact=True, level=1).wait_for()
        wait_until_scripts_end(page)
        return time.monotonic() - began


def _search(opened: Any, served: Served, text: str) -> float:
    """Return the seconds from a search, which nobody made before, until its result is drawn."""
    with opened.new_context(viewport={"width": 1280, "height": 900}) as context:
        page = context.new_page()
        page.goto(f"{served.address}/events?period=Whole+log")
        before = page.get_by_text("newest first").inner_text()
        wait_until_scripts_end(page)
        box = page.get_by_role("textbox", name="Search")
        box.fill(text)
        began = time.monotonic()
        box.press("Enter")
        page.get_by_text(before, exact=True).wait_for(state="detached")
        page.locator("[data-testid=stApp][data-test-script-state=notRunning]").wait_for()
        return time.monotonic() - began


def _spread(seconds: list[float]) -> str:
    return f"{statistics.median(seconds):.1f} ({min(seconds):.1f} to {max(seconds):.1f})"


if __name__ == "__main__":
    sys.exit(main())
