"""The kinds of targets. A module for each; `open_target` chooses it."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Protocol

from pipelines.common.forwarding import TargetSettings

from .lines import Line


class Target(Protocol):
    """Where events are sent. `most_lines` and `most_bytes` limit one call of `send`."""

    most_lines: int
    most_bytes: int

    def send(self, lines: list[Line]) -> None:
        """Send lines once. It returns when the target has taken them.

        Raises:
            TargetError: The target did not accept them, or only some.
        """


def open_target(settings: TargetSettings) -> AbstractContextManager[Target]:
    """Return the target of a section, open."""
    from .files import opened_file
    from .http import opened_collector, opened_https
    from .syslog import opened_syslog

    kinds: dict[str, Callable[[TargetSettings], AbstractContextManager[Target]]] = {
        "syslog": opened_syslog,
        "splunk_hec": opened_collector,
        "https": opened_https,
        "file": opened_file,
    }
    return kinds[settings.kind](settings)
