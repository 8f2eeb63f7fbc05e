"""Runs of the pipeline and of the floor, and their stored events."""

import re
import sys
from pathlib import Path

import duckdb

from tests.benchmarks.measuring import Measured, measure
from tests.benchmarks.tenant import BenchTenant


def pipeline(command: str, environment: dict[str, str]) -> Measured:
    """Run a command of the pipeline, which must succeed without a warning."""
    measured = measure([sys.executable, "-m", "pipelines.audit", command], environment)
    assert "WARNING" not in measured.err, measured.err
    return measured


def floor(tenant: BenchTenant, folder: Path) -> Measured:
    """Run the floor into a temporary database."""
    measured = measure(
        [sys.executable, "-m", "tests.benchmarks.floor", tenant.url, str(folder)], tenant.settings(folder)
    )
    (folder / "floor.duckdb").unlink()
    return measured


def stored(folder: Path) -> int:
    """Return the number of events that the pipeline stored in a folder."""
    with duckdb.connect(str(folder / "audit_log.duckdb"), read_only=True) as database:
        [(number,)] = database.execute("select count(distinct id) from anaplan_audit_raw.events").fetchall()
    return int(number)


def steps(run: Measured) -> dict[str, float]:
    """Return the seconds of each step, as the run reports them."""
    line = next(line for line in run.out.splitlines() if line.startswith("seconds"))
    return {name: float(seconds) for name, seconds in re.findall(r"(\w+) ([\d.]+)", line.removeprefix("seconds"))}
