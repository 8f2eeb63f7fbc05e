"""The progress that a run reports to its caller. The command line shows it. Other callers may ignore it."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import NamedTuple, Protocol

from pipelines.transform.table_progress import OnTable


class WindowCount(NamedTuple):
    """Windows of a load: the ones that are finished, and all that are due."""

    done: int
    due: int


class RunProgress(Protocol):
    """Shows the progress of a run."""

    def watch(self, windows: Callable[[], WindowCount]) -> AbstractContextManager[None]:
        """Show the progress of a load inside the `with` block. Call `windows` whenever the display is drawn."""

    def watch_tables(self, step: str) -> AbstractContextManager[OnTable]:
        """Show the tables that a step writes inside the `with` block, which gets the function to tell them to."""
