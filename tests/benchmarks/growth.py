"""Growth: ever more events, and on top of each the two runs of an hour, one that finds 2,000 events and one none."""

import sys
import tempfile
from pathlib import Path

from tests.benchmarks.chart import growth_chart
from tests.benchmarks.measuring import measure
from tests.benchmarks.runs import floor, pipeline, steps, stored
from tests.benchmarks.tenant import bench_tenant
from tests.conftest import event

NEW_EVENTS = 2000
HOUR_MS = 3_600_000
CHART = Path(__file__).parent / "growth.svg"


def report(sizes: list[int]) -> list[str]:
    """Returns the tables, and draws the curve of the loads."""
    loads = [
        "## Growth\n",
        "| events | floor, s | peak MB | `load`, s | × the floor | events a second | peak MB | then enrich and check all, s "
        "| peak MB |",
        "| --- | --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    hours = [
        "\nAn hour later, start-up included:\n",
        "| events | `import dlt`, s | `run` with 2,000 new, s | load | enrich | check | `run` with none, s |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    curve = []
    for size in sizes:
        with bench_tenant(size) as tenant, tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            environment = tenant.settings(folder)
            # Everybody finds prepared pages.
            floor(tenant, folder)
            least = floor(tenant, folder)
            load = pipeline("load", environment)
            number = stored(folder)
            enrich = pipeline("run", environment)
            imported = measure([sys.executable, "-c", "import dlt"], environment)
            now = tenant.control("/clock", {"advance_ms": 300_000})["now_ms"]
            late = [event(n, now - HOUR_MS // 2) for n in range(NEW_EVENTS)]
            tenant.control("/events", {"events": late})
            hourly = pipeline("run", environment)
            assert stored(folder) >= number + NEW_EVENTS
            quiet = pipeline("run", environment)
        curve.append((number, load.seconds, load.peak_mb))
        loads.append(
            f"| {number:,} | {least.seconds:.1f} | {least.peak_mb:.0f} | {load.seconds:.1f} "
            f"| {load.seconds / least.seconds:.2f} | {number / load.seconds:,.0f} | {load.peak_mb:.0f} "
            f"| {enrich.seconds:.1f} | {enrich.peak_mb:.0f} |"
        )
        spent = steps(hourly)
        hours.append(
            f"| {number:,} | {imported.seconds:.1f} | {hourly.seconds:.1f} | {spent['load']} | {spent['enrich']} "
            f"| {spent['check']} | {quiet.seconds:.1f} |"
        )
        print(loads[-1], hours[-1], sep="\n")
    CHART.write_text(growth_chart(curve), encoding="utf-8")
    return [*loads, *hours, f"\n![Seconds and memory of a load by events]({CHART.name})\n"]
