"""What a command that writes stands on: settings that were checked, the lock, the pipelines, a record of the run."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pipelines.monitoring.run_record import RunRecord


@contextmanager
def opened_pipelines() -> Iterator[Any]:
    """Open the pipelines, and the progress that they report to."""
    from audit_source import Run
    from pipelines.cli.progress import Progress
    from pipelines.common.configuration import check_settings
    from pipelines.warehouse.pipelines import open_pipelines

    check_settings()
    progress = Progress(Run(tolerant=True))
    with open_pipelines(progress) as pipelines:
        yield pipelines, progress


@contextmanager
def existing_pipelines() -> Iterator[Any]:
    """Open the pipelines of a command that works on what was loaded, and makes no database."""
    from pipelines.common.configuration import check_settings
    from pipelines.warehouse.reader import check_database_exists

    check_settings()
    check_database_exists()
    with opened_pipelines() as opened:
        yield opened


def watched_run(command: str, *, needs_tables: bool = False) -> "AbstractContextManager[tuple[Any, Any, RunRecord]]":
    """Open the pipelines for a command whose run is recorded; `needs_tables` refuses a database that is not there."""
    from pipelines.run.lifecycle import watched

    return watched(command, existing_pipelines if needs_tables else opened_pipelines)
