"""make bench: compare the pipeline with alternatives, measure growth, skew and the hourly run, and write RESULTS.md.

Machines are noisy, so compare the ratios to the floor, which are medians of interleaved runs.
BENCH_EVENTS, BENCH_ROUNDS, BENCH_SKEWED, BENCH_HISTORY and BENCH_GROWTH (in thousands) shorten the benchmark. BENCH_MONTHS
lengthens a history: `1,10,50` goes to 50 million events.
"""

import json
import os
import platform
import statistics
import sys
import tempfile
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

from tests.benchmarks import (
    dashboard,
    growth,
    history,
    hourly,
    many_models,
    model_history,
    network,
    skewed,
    warehouse,
)
from tests.benchmarks.measuring import Measured, measure
from tests.benchmarks.runs import pipeline, stored
from tests.benchmarks.tenant import BenchTenant, bench_tenant
from tests.browser.serving import chromium

EVENTS = int(os.environ.get("BENCH_EVENTS", "200000"))
ROUNDS = int(os.environ.get("BENCH_ROUNDS", "5"))
GROWTH = [int(thousands) * 1000 for thousands in os.environ.get("BENCH_GROWTH", "100,300,1000,3000").split(",")]
MONTHS = [int(one) for one in os.environ.get("BENCH_MONTHS", "1,10").split(",")]
HERE = Path(__file__).parent


class Contestant(NamedTuple):
    """`module` runs with the server's URL and a folder; `command` is a command of the pipeline."""

    name: str
    module: str = ""
    command: str = ""
    rounds: int = ROUNDS


CONTESTANTS = [
    Contestant("floor: requests + msgspec + Arrow, nothing else", module="tests.benchmarks.floor"),
    Contestant("this pipeline, `load`", command="load"),
    Contestant("this pipeline, `run`: load, enrich, check", command="run"),
    Contestant("anaplan-sdk + polars, nothing stored", module="tests.benchmarks.sdk_polars"),
    Contestant("dlt `rest_api`", module="tests.benchmarks.rest_api", rounds=1),
]


def main() -> None:
    lines = [_machine()]
    lines += _compare()
    lines += growth.report(GROWTH)
    lines += hourly.report()
    lines += history.report(MONTHS)
    lines += skewed.report()
    lines += network.report()
    lines += warehouse.report(EVENTS)
    lines += many_models.report()
    lines += model_history.report()
    lines += _open_dashboard()
    (HERE / "RESULTS.md").write_text("\n".join(lines) + "\n", encoding="utf-8")
    print(f"written: {HERE / 'RESULTS.md'}")


def _compare() -> list[str]:
    """Run all contestants in turn against one server, and return their table."""
    results: dict[str, list[Measured]] = {contestant.name: [] for contestant in CONTESTANTS}
    share: dict[str, float] = {}
    with bench_tenant(EVENTS) as tenant:
        # Prepare the pages, so that no contestant pays for it.
        expected = _fetch(CONTESTANTS[0], tenant)[1]
        for number in range(ROUNDS):
            for contestant in CONTESTANTS:
                if number < contestant.rounds:
                    before = tenant.cpu_seconds()
                    measured, events = _fetch(contestant, tenant)
                    share[contestant.name] = (tenant.cpu_seconds() - before) / measured.seconds
                    assert abs(events - expected) < 0.001 * expected, (contestant.name, events, expected)
                    results[contestant.name].append(measured)
                    print(f"{contestant.name}: {events:,} events, {measured.seconds:.1f} s, {measured.peak_mb:.0f} MB")
    floor = _median(results[CONTESTANTS[0].name])
    lines = [
        f"## Side by side: {expected:,} events, {ROUNDS} rounds\n",
        "| | seconds, median (min to max) | × the floor | events per second | peak MB | server's CPU |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for name, runs in results.items():
        seconds = [run.seconds for run in runs]
        lines.append(
            f"| {name} | {_median(runs):.1f} ({min(seconds):.1f} to {max(seconds):.1f}) | {_median(runs) / floor:.1f} "
            f"| {expected / _median(runs):,.0f} | {max(run.peak_mb for run in runs):.0f} | {share[name]:.0%} |"
        )
    return [*lines, "\nSeconds are for the whole process, including start-up. One of the two cores is 50 %.\n"]


def _open_dashboard() -> list[str]:
    """Open the dashboard on 1,000,000 events. Return a table, or an empty text if Chromium is missing."""
    if chromium() is None:
        return []
    with tempfile.TemporaryDirectory() as folder:
        return ["", *dashboard.report(dashboard.load(dashboard.EVENTS, Path(folder)))]


def _fetch(contestant: Contestant, tenant: BenchTenant) -> tuple[Measured, int]:
    with tempfile.TemporaryDirectory() as folder:
        environment = tenant.settings(Path(folder))
        if contestant.command:
            measured = pipeline(contestant.command, environment)
            return measured, stored(Path(folder))
        command = [sys.executable, "-m", contestant.module, tenant.url, folder]
        measured = measure(command, environment)
        return measured, int(json.loads(measured.out.splitlines()[-1])["events"])


def _median(runs: list[Measured]) -> float:
    return statistics.median(run.seconds for run in runs)


def _machine() -> str:
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    packages: Any = ", ".join(f"{name} {version(name)}" for name in ("dlt", "duckdb", "pyarrow", "msgspec", "polars"))
    return (
        "# Speed and memory\n\nWritten by `make bench`. Only the ratios carry over to another machine.\n\n"
        f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores, {memory:.0f} GiB; "
        f"Python {platform.python_version()}, {packages}. The simulated tenant runs on the same cores.\n"
    )


if __name__ == "__main__":
    main()
