"""Growth: the first load of increasing numbers of events, compared with the floor."""

import tempfile
from pathlib import Path

from tests.benchmarks.chart import growth_chart
from tests.benchmarks.runs import floor, pipeline, stored
from tests.benchmarks.tenant import bench_tenant

CHART = Path(__file__).parent / "growth.svg"


def report(sizes: list[int]) -> list[str]:
    """Return the table, and draw the curve of the loads."""
    loads = [
        "## Growth\n",
        "| events | floor, s | peak MB | `load`, s | × the floor | events per second | peak MB | then enrich and check all, s "
        "| peak MB |",
        "| --- | --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    curve = []
    for size in sizes:
        with bench_tenant(size) as tenant, tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            environment = tenant.settings(folder)
            # Both find prepared pages.
            floor(tenant, folder)
            least = floor(tenant, folder)
            load = pipeline("load", environment)
            number = stored(folder)
            enrich = pipeline("run", environment)
        curve.append((number, load.seconds, load.peak_mb))
        loads.append(
            f"| {number:,} | {least.seconds:.1f} | {least.peak_mb:.0f} | {load.seconds:.1f} "
            f"| {load.seconds / least.seconds:.2f} | {number / load.seconds:,.0f} | {load.peak_mb:.0f} "
            f"| {enrich.seconds:.1f} | {enrich.peak_mb:.0f} |"
        )
        print(loads[-1])
    CHART.write_text(growth_chart(curve), encoding="utf-8")
    return [*loads, f"\n![Seconds and memory of a load by events]({CHART.name})\n"]
