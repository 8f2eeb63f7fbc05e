"""make bench-disk: disk space of the database and its copies, by number of events.

Numbers (of events) as arguments make it other tenants.
"""

import sys
import tempfile
from pathlib import Path

from tests.benchmarks.runs import pipeline, stored
from tests.benchmarks.tenant import bench_tenant

SIZES = ("100000", "500000")
PUBLISH_TO = "PIPELINES__ANAPLAN_AUDIT_ENRICH__PUBLISH_TO"


def main() -> None:
    print("| events | database, MB | bytes per event | working files, MB | copy as DuckDB, MB | copy as Parquet, MB |")
    print("| --- | --- | --- | --- | --- | --- |")
    for size in sys.argv[1:] or SIZES:
        print(measured(int(size)), flush=True)


def measured(events: int) -> str:
    """Load, enrich and publish a tenant with about `events` events. Return a row of the table."""
    with bench_tenant(events) as tenant, tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        environment = tenant.settings(folder)
        file, parquet = folder / "copy.duckdb", folder / "copy"
        pipeline("run", {**environment, PUBLISH_TO: str(file)})
        pipeline("check", {**environment, PUBLISH_TO: str(parquet)})
        number, database = stored(folder), size_of(folder / "audit_log.duckdb")
        sizes = (size_of(folder / "dlt"), size_of(file), size_of(parquet.resolve()))
    megabytes = " | ".join(f"{one / 1e6:.0f}" for one in sizes)
    return f"| {number:,} | {database / 1e6:.0f} | {database / number:.0f} | {megabytes} |"


def size_of(path: Path) -> int:
    """Return the bytes of a file, or of all files below a folder."""
    return sum(one.stat().st_size for one in (path.rglob("*") if path.is_dir() else [path]) if one.is_file())


if __name__ == "__main__":
    main()
