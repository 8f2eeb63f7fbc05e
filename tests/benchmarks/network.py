"""A slow network: 300 ms of latency per answer, with `parallel_requests` pages in flight."""

import tempfile
from pathlib import Path

from tests.benchmarks.runs import pipeline, steps
from tests.benchmarks.tenant import SOURCE, bench_tenant

LATENCY_MS, EVENTS, PAGE_SIZE, PARALLEL = 300, 100_000, 1_000, 4


def report() -> list[str]:
    """Return a table: a load compared with the network time of its requests."""
    with bench_tenant(EVENTS, "--latency-ms", str(LATENCY_MS)) as tenant, tempfile.TemporaryDirectory() as folder:
        environment = {**tenant.settings(Path(folder)), f"{SOURCE}PAGE_SIZE": str(PAGE_SIZE)}
        environment[f"{SOURCE}PARALLEL_REQUESTS"] = str(PARALLEL)
        load = pipeline("load", environment)
        pages = sum(request["path"].endswith("/audit/api/1/events") for request in tenant.control("/requests"))
    least = pages * LATENCY_MS / 1000 / PARALLEL
    seconds = steps(load)["load"]
    return [
        f"## With {LATENCY_MS} ms of latency per answer\n",
        "| pages | in flight | network alone, s | step `load`, s | ratio |",
        "| --- | --- | --- | --- | --- |",
        f"| {pages} | {PARALLEL} | {least:.1f} | {seconds} | {seconds / least:.2f} |",
        "\nThe step includes sign-in, sign-out, the directory lists and the database.\n",
    ]
