"""Metrics to an OpenTelemetry collector, as OTLP over HTTP."""

import logging
import socket
from collections.abc import Mapping, Sequence

import requests

from pipelines.common.extras import missing_extra
from pipelines.common.start_up import silence
from pipelines.common.version import DISTRIBUTION, own_version

from .measures import Measure

# For all tries together. A run must not wait longer for a collector.
TIMEOUT_SECONDS = 10.0


class NotTakenError(Exception):
    """The collector did not take the metrics. The message holds no secret."""


def check_packages() -> None:
    """Refuse to go on without the packages.

    Raises:
        PipelineError: The extra is not installed.
    """
    try:
        import opentelemetry.exporter.otlp.proto.http.metric_exporter
        import opentelemetry.sdk.metrics  # noqa: F401
    except ModuleNotFoundError as error:
        raise missing_extra("opentelemetry", error) from None


def send(endpoint: str, headers: Mapping[str, str], measures: Sequence[Measure]) -> None:
    """Send measures once. The exporter repeats a request that fails temporarily.

    Raises:
        PipelineError: The extra is not installed.
        NotTakenError: The collector did not take them.
    """
    check_packages()
    from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
    from opentelemetry.sdk.metrics import MeterProvider
    from opentelemetry.sdk.metrics.export import InMemoryMetricReader, MetricExportResult
    from opentelemetry.sdk.resources import Resource

    # The exporter logs each try. What failed is reported once, by the caller.
    silence(("opentelemetry",), logging.CRITICAL)
    resource = Resource.create(
        {"service.name": DISTRIBUTION, "service.version": own_version(), "host.name": socket.gethostname()}
    )
    # No thread sends in the background: the reader only collects.
    reader = InMemoryMetricReader()
    meter = MeterProvider([reader], resource, shutdown_on_exit=False).get_meter(DISTRIBUTION)
    for measure in measures:
        gauge = meter.create_gauge(measure.name, measure.unit, measure.description)
        for sample in measure.samples:
            gauge.set(sample.value, sample.labels)
    collected = reader.get_metrics_data()
    if collected is None:
        return
    statuses: list[int] = []
    with _session(statuses) as session:
        exporter = OTLPMetricExporter(endpoint, headers=dict(headers), timeout=TIMEOUT_SECONDS, session=session)
        result = exporter.export(collected)
    if result is not MetricExportResult.SUCCESS:
        raise NotTakenError(f"HTTP {statuses[-1]}" if statuses else f"no response within {TIMEOUT_SECONDS:.0f} s")


def _session(statuses: list[int]) -> requests.Session:
    """Return a session that notes the status of each response."""
    session = requests.Session()
    # The headers may hold a token, which no other host may see.
    session.max_redirects = 0
    session.hooks["response"].append(lambda response, *_, **__: statuses.append(response.status_code))
    return session
