"""Open the pipelines for a command that writes: check the settings, take the lock, keep a record of the run."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pipelines.run.lifecycle import OpenRun
    from pipelines.warehouse.pipelines import Pipelines


@contextmanager
def opened_pipelines(progress: Any = None, *, needs_tables: bool = False) -> "Iterator[Pipelines]":
    """Open the pipelines.

    Args:
        progress (Progress): Shows the progress of loads.
        needs_tables (bool): Refuse a missing database instead of creating it.
    """
    from pipelines.common.configuration import check_settings
    from pipelines.common.network_names import read_networks
    from pipelines.warehouse.pipelines import open_pipelines
    from pipelines.warehouse.reader import check_database_exists

    check_settings()
    read_networks()
    if needs_tables:
        check_database_exists()
    with open_pipelines(progress) as pipelines:
        yield pipelines


def recorded_run(command: str, *, needs_tables: bool = False) -> "AbstractContextManager[OpenRun]":
    """Open the pipelines for a command that is recorded in `runs`. `needs_tables` refuses a missing database."""
    from pipelines.common.start_up import keep_memory_low
    from pipelines.run.lifecycle import recorded

    from .progress import Progress

    keep_memory_low()
    progress = Progress()
    return recorded(command, progress, partial(opened_pipelines, progress, needs_tables=needs_tables))
