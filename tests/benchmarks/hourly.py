"""The run of an hour, which finds 2,000 new events, and one that finds none, on histories of growing length."""

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
# What some editions of Anaplan keep; all days alike, or the day of the measurement would decide.
KEPT_DAYS = 90
OPTIONS = ("--retention-days", str(KEPT_DAYS), "--weekend", "1")


class History(NamedTuple):
    """What is there when the hour comes."""

    events: int
    days: int


# The same tenant after three days, a month and a quarter, and one that is three times as busy.
HISTORIES = [History(100_000, 3), History(1_000_000, 30), History(3_000_000, 90), History(3_000_000, 30)]


def report(histories: list[History] | None = None) -> list[str]:
    """Returns a table, start-up included."""
    lines = [
        f"## An hour later: {NEW_EVENTS:,} new events, and none; medians of {ROUNDS}\n",
        "| events there | a day | `import dlt`, s | `run` with new events, s | × the first | load | enrich | check "
        "| `run` with none, s |",
        "| --- | --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    first = 0.0
    for history in histories or HISTORIES:
        with tempfile.TemporaryDirectory() as name:
            number, imported, hours, quiet = _measure(history, Path(name))
        hour = _median(hours)
        first = first or hour
        spent = {step: statistics.median(steps(run)[step] for run in hours) for step in ("load", "enrich", "check")}
        lines.append(
            f"| {number:,} | {history.events // history.days:,} | {_median(imported):.1f} "
            f"| {hour:.1f} ({min(run.seconds for run in hours):.1f} to {max(run.seconds for run in hours):.1f}) "
            f"| {hour / first:.2f} | {spent['load']:.1f} | {spent['enrich']:.1f} | {spent['check']:.1f} "
            f"| {_median(quiet):.1f} |"
        )
        print(lines[-1])
    return [*lines, "\nSeconds are those of the whole process. A day that gets an event is enriched anew as a whole.\n"]


def _measure(history: History, folder: Path) -> tuple[int, list[Measured], list[Measured], list[Measured]]:
    """Makes the same hour several times; returns the events there before, the imports, the hours, the quiet runs."""
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
            quiet.append(_quiet(environment))
    return number, imported, hours, quiet


def _quiet(environment: dict[str, str]) -> Measured:
    """Runs until a run finds nothing: as this machine's clock goes on, windows reach events of the last seconds."""
    for _ in range(10):
        run = pipeline("run", environment)
        if run.out.startswith("loaded    0 new events"):
            return run
    raise RuntimeError("ten runs in a row found something new")


def _median(runs: list[Measured]) -> float:
    return statistics.median(run.seconds for run in runs)


if __name__ == "__main__":
    print(*report(), sep="\n")
