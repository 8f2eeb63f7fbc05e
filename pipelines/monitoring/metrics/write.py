"""Write metrics to every configured target. A target that fails stops no other."""

import logging
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from typing import NamedTuple

from pipelines.common.exit_codes import FAILED, PipelineError
from pipelines.common.metric_settings import metric_targets
from pipelines.warehouse.pipelines import Pipelines
from pipelines.warehouse.reader import Reader

from . import otlp, prometheus
from .measures import Measure, read_measures

logger = logging.getLogger(__name__)


class Written(NamedTuple):
    """A target, and why it did not get the metrics: exit code and line, or None if it did."""

    target: str
    failure: PipelineError | None


def write_after_run(pipelines: Pipelines) -> None:
    """Write the metrics at the end of a run. A target that fails is one warning."""
    targets = metric_targets()
    if not (targets.prometheus_file or targets.otlp_endpoint):
        return
    with ExitStack() as stack:
        measures = read_measures(Reader(pipelines.raw.destination, stack))
    for written in write_metrics(measures):
        if written.failure:
            logger.warning("the metrics were not written to %s: %s", written.target, written.failure)


def write_metrics(measures: Sequence[Measure]) -> Iterator[Written]:
    """Write measures to each configured target."""
    file, endpoint, headers = metric_targets()
    if file:
        yield _written(file, lambda: prometheus.write_file(file, measures))
    if endpoint:
        yield _written(endpoint, lambda: otlp.send(endpoint, headers, measures))


def check_targets() -> list[str]:
    """Return the configured targets, as far as they can be checked without writing.

    Raises:
        PipelineError: An extra is missing, or the folder of the file cannot be written.
    """
    file, endpoint, _ = metric_targets()
    if file:
        prometheus.text_of([])
        folder = os.path.dirname(os.path.abspath(file))
        if not os.access(folder, os.W_OK):
            raise PipelineError(FAILED, f"`{folder}` cannot be written. Create it for this account, for {file}.")
    if endpoint:
        otlp.check_packages()
    return [target for target in (file, endpoint) if target]


def _written(target: str, write: Callable[[], None]) -> Written:
    try:
        write()
    except PipelineError as error:
        return Written(target, error)
    except OSError as error:
        return Written(target, PipelineError(FAILED, f"{error.strerror}. Check `prometheus_file` under [metrics]."))
    except otlp.NotTakenError as error:
        return Written(target, PipelineError(FAILED, f"{error}. Check `otlp_endpoint` under [metrics]."))
    return Written(target, None)
