"""An hourly run with 2,000 new events, and a run with none, on histories of increasing length."""

import shutil
import statistics
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

from tests.benchmarks.measuring import Measured, measure
from tests.benchmarks.runs import pipeline, steps, stored
from tests.benchmarks.tenant import SOURCE, bench_tenant
from tests.conftest import event

NEW_EVENTS, ROUNDS = 2000, 3
HALF_AN_HOUR_MS = 1_800_000
# The retention period of some Anaplan editions. All days are equal, so that the weekday of the measurement is irrelevant.
KEPT_DAYS = 90
OPTIONS = ("--retention-days", str(KEPT_DAYS), "--weekend", "1")

EXPLAINED = """
Seconds are for the whole process. The steps add up to less, because start-up, opening and closing are not steps. The
enrichment and the checks read the touched days, the last 100 days of the tables by day and user, and small tables that
tell something of all days. One cost grows with the tenant: a day that gets a new event is enriched again as a whole. A
late event makes the run fetch and enrich its old day again.
"""


class History(NamedTuple):
    """The loaded history before the hourly run."""

    events: int
    days: int


# One tenant after three days, a month and a quarter, and one with three times the events.
HISTORIES = [History(100_000, 3), History(1_000_000, 30), History(3_000_000, 90), History(3_000_000, 30)]


def report(histories: list[History] | None = None) -> list[str]:
    """Return a table of whole runs, including start-up."""
    lines = [
        f"## An hour later: {NEW_EVENTS:,} new events, or none; medians of {ROUNDS}\n",
        "| events there | a day | `import dlt`, s | `run` with new events, s | × the first | load | enrich | check "
        "| `run` with none, s |",
        "| --- | --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    first = 0.0
    for history in histories or HISTORIES:
        with tempfile.TemporaryDirectory() as name:
            number, imported, hours, quiet = _measure(history, Path(name))
        first = first or _median(hours)
        lines.append(_line(history, number, imported, hours, quiet, first))
        print(lines[-1])
    return [*lines, EXPLAINED]


def _line(
    history: History, number: int, imported: list[Measured], hours: list[Measured], quiet: list[Measured], first: float
) -> str:
    seconds = [run.seconds for run in hours]
    spent = (f"{statistics.median(steps(run)[step] for run in hours):.1f}" for step in ("load", "enrich", "check"))
    return (
        f"| {number:,} | {history.events // history.days:,} | {_median(imported):.1f} "
        f"| {_median(hours):.1f} ({min(seconds):.1f} to {max(seconds):.1f}) | {_median(hours) / first:.2f} "
        f"| {' | '.join(spent)} | {f'{_median(quiet):.1f}' if quiet else 'none was quiet'} |"
    )


def _measure(history: History, folder: Path) -> tuple[int, list[Measured], list[Measured], list[Measured]]:
    """Measure the same hour several times. Returns prior events, imports, hourly runs and runs without new events."""
    imported, hours, quiet = [], [], []
    with bench_tenant(history.events, "--days", str(history.days), *OPTIONS) as tenant:
        environment = {**tenant.settings(folder), f"{SOURCE}HISTORY_DAYS": str(KEPT_DAYS)}
        pipeline("run", environment)
        number = stored(folder)
        database = folder / "audit_log.duckdb"
        before = shutil.copy(database, folder / "before.duckdb")
        now = tenant.control("/clock", {"advance_ms": 300_000})["now_ms"]
        tenant.control("/clock", {"ms": now})
        tenant.control("/events", {"events": [event(n, now - HALF_AN_HOUR_MS) for n in range(NEW_EVENTS)]})
        for _ in range(ROUNDS):
            shutil.copy(before, database)
            imported.append(measure([sys.executable, "-c", "import dlt"], environment))
            hours.append(pipeline("run", environment))
            assert stored(folder) >= number + NEW_EVENTS
            quiet += _quiet(environment)
    return number, imported, hours, quiet


def _quiet(environment: dict[str, str]) -> list[Measured]:
    """Run until a run finds no new event, at most four times: windows advance with this machine's clock."""
    for _ in range(4):
        run = pipeline("run", environment)
        if run.out.startswith("loaded    0 new events"):
            return [run]
    return []


def _median(runs: list[Measured]) -> float:
    return statistics.median(run.seconds for run in runs)


if __name__ == "__main__":
    print(*report(), sep="\n")
