"""The progress that a load reports to its caller. The command line shows it. Other callers may ignore it."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import NamedTuple, Protocol


class WindowCount(NamedTuple):
    """Windows of a load: the ones that are finished, and all that are due."""

    done: int
    due: int


class LoadProgress(Protocol):
    """Shows the progress of a load."""

    def watch(self, windows: Callable[[], WindowCount]) -> AbstractContextManager[None]:
        """Show progress inside the `with` block. Call `windows` whenever the display is drawn."""
