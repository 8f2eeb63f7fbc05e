"""make profile: time of a load and of an enrichment by library and by function.

The profile covers the main thread. Threads fetch pages and another process decodes them; the main thread's waits
for both appear as `wait` and `lock`.
"""

import cProfile
import os
import pstats
import tempfile
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.benchmarks.tenant import bench_tenant

EVENTS = int(os.environ.get("BENCH_EVENTS", "100000"))
SHOWN = 25


def profiled(title: str, function: Callable[..., Any], *arguments: Any, **options: Any) -> None:
    profile = cProfile.Profile()
    profile.runcall(function, *arguments, **options)
    entries = pstats.Stats(profile).stats  # type: ignore[attr-defined]
    libraries: dict[str, float] = defaultdict(float)
    for (file, _, name), (_, _, own, _, _) in entries.items():
        libraries[_library(file, name)] += own
    total = sum(libraries.values())
    print(f"\n{title}: {total:.1f} s\n\nby library")
    for library, own in sorted(libraries.items(), key=lambda item: -item[1])[:12]:
        print(f"  {own:6.2f} s  {own / total:4.0%}  {library}")
    print("\nby function, its own time")
    for (file, line, name), (_, calls, own, _, _) in sorted(entries.items(), key=lambda item: -item[1][2])[:SHOWN]:
        print(f"  {own:6.2f} s  {calls:>8,} calls  {name} ({Path(file).name}:{line})")


def _library(file: str, name: str) -> str:
    path = Path(file)
    if "site-packages" in path.parts:
        return path.parts[path.parts.index("site-packages") + 1]
    for own in ("audit_source", "pipelines"):
        if own in path.parts:
            return own
    for word in ("duckdb", "pyarrow", "msgspec"):
        if word in name.lower():
            return word
    return "python"


def main() -> None:
    with bench_tenant(EVENTS) as tenant, tempfile.TemporaryDirectory() as folder:
        os.environ.update(tenant.settings(Path(folder)))
        from pipelines.common import start_up
        from pipelines.run.load import load
        from pipelines.transform.runner import enrich
        from pipelines.warehouse.pipelines import ENRICH_MEMORY, open_pipelines

        start_up.set_dlt_switches()
        start_up.keep_memory_low()
        with open_pipelines() as pipelines:
            profiled(f"load of {EVENTS:,} events", load, pipelines)
            pipelines.limit_memory(ENRICH_MEMORY)
            profiled("enrichment, all days", enrich, pipelines.enriched, pipelines.raw)
        with open_pipelines() as pipelines:
            profiled("load, nothing new", load, pipelines)
            pipelines.limit_memory(ENRICH_MEMORY)
            profiled("enrichment, one day", enrich, pipelines.enriched, pipelines.raw)


if __name__ == "__main__":
    main()
