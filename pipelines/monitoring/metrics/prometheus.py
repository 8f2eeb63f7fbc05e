"""A file in the text format of Prometheus, for the textfile collector of node_exporter."""

import os
from collections.abc import Sequence

from pipelines.common.extras import missing_extra

from .measures import Measure

# The collector has an account of its own. The file holds counts and names of tables, and nothing of a person.
READABLE = 0o644


def text_of(measures: Sequence[Measure]) -> bytes:
    """Return measures in the text format.

    Raises:
        PipelineError: The extra is not installed.
    """
    try:
        from prometheus_client import CollectorRegistry, Gauge, generate_latest
    except ModuleNotFoundError as error:
        raise missing_extra("prometheus", error) from None
    registry = CollectorRegistry()
    for measure in measures:
        gauge = Gauge(measure.name, measure.description, list(measure.samples[0].labels), registry=registry)
        for sample in measure.samples:
            gauge.labels(**sample.labels).set(sample.value)
    return bytes(generate_latest(registry))


def write_file(path: str, measures: Sequence[Measure]) -> None:
    """Replace the file by one rename, so that the collector never reads a part of it.

    Raises:
        PipelineError: The extra is not installed.
        OSError: The file cannot be written.
    """
    text = text_of(measures)
    # The collector reads every file that ends in `.prom`.
    part = f"{path}.{os.getpid()}"
    try:
        with open(part, "wb") as file:
            os.chmod(part, READABLE)
            file.write(text)
        os.replace(part, path)
    finally:
        if os.path.exists(part):
            os.remove(part)
