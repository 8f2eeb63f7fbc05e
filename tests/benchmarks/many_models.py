"""A tenant of 3,800 models: the first run, the run that has read every model, and an hour in which nothing changed.

python -m tests.benchmarks.many_models prints the table alone.
"""

import re
import tempfile
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

from tests.benchmarks.measuring import Measured
from tests.benchmarks.runs import pipeline, stored
from tests.benchmarks.tenant import SOURCE, BenchTenant, bench_tenant

MODELS, EVENTS = 3_800, 20_000
# Enough for every model at once.
ALL_REQUESTS = "100000"
_KINDS = {
    "events": r"/audit/api/1/events.*",
    "inside models": r"/2/0/models/[^/]+/.+",
    "CloudWorks": r"(/cloudworks)?/2/0/integration.*",
    "SCIM": r"/scim/.*",
    "lists": r"/2/0/.*",
}
# What is asked for the lists inside models, CloudWorks and SCIM.
MORE = ("inside models", "CloudWorks", "SCIM")

EXPLAINED = """
The first run sends 200 requests inside models (`model_requests_per_run`), after the last one for events; the next runs
continue. The second row reads all others at once. SCIM is asked once a day, and after a change of users: one request for
100 users. CloudWorks is asked for its integrations and flows in each run, and for the runs of each integration that ran.
"""


def kinds_of(paths: Iterable[str]) -> list[str]:
    """Return the kind of each request; the sign-in and everything else is `other`."""
    return [next((kind for kind, one in _KINDS.items() if re.fullmatch(one, path)), "other") for path in paths]


def events_come_first(kinds: Sequence[str]) -> bool:
    """Return whether no request for events comes after one for the lists inside models."""
    first = next((at for at, kind in enumerate(kinds) if kind in MORE), len(kinds))
    return "events" not in kinds[first:]


def report(models: int = MODELS) -> list[str]:
    """Return a table of requests by kind and seconds."""
    lines = []
    with bench_tenant(EVENTS, "--models", str(models)) as tenant, tempfile.TemporaryDirectory() as name:
        environment = tenant.settings(Path(name))
        for title, budget in (("first run", "200"), ("every model read", ALL_REQUESTS), ("nothing changed", "200")):
            environment[f"{SOURCE}MODEL_REQUESTS_PER_RUN"] = budget
            run, kinds = _run(tenant, environment)
            assert events_come_first(kinds), title
            lines.append(_line(title, run, Counter(kinds)))
            print(lines[-1])
        assert stored(Path(name)) > 0.9 * EVENTS
    assert sum(Counter(kinds)[kind] for kind in MORE) <= 5, kinds
    return [
        f"## A tenant of {models:,} models\n",
        "| `load` | s | its processor, s | peak MB | " + " | ".join(_KINDS) + " | contents |",
        "| --- |" + " --- |" * (len(_KINDS) + 4),
        *lines,
        EXPLAINED,
    ]


def _run(tenant: BenchTenant, environment: dict[str, str]) -> tuple[Measured, list[str]]:
    sent = len(tenant.control("/requests"))
    run = pipeline("load", environment)
    return run, kinds_of(request["path"] for request in tenant.control("/requests")[sent:])


def _line(title: str, run: Measured, counts: Counter[str]) -> str:
    read = next((line for line in run.out.splitlines() if line.startswith("contents")), "").partition("  ")[2]
    asked = " | ".join(f"{counts[kind]:,}" for kind in _KINDS)
    return f"| {title} | {run.seconds:.1f} | {run.cpu:.1f} | {run.peak_mb:.0f} | {asked} | {read} |"


if __name__ == "__main__":
    print("\n".join(report()))
