"""Channels that deliver an alert: every module of this package that names its `Channel` as `CHANNEL`.

A new channel is one new module; no list has to be edited. A setting of its own goes to `ALERT_SETTINGS` in
`pipelines/common/alert_settings.py`, which refuses unknown names.
"""

from collections.abc import Iterator
from importlib import import_module
from pkgutil import iter_modules
from typing import Protocol


class ChannelError(Exception):
    """A channel did not take a text. The message holds no secret: it is logged and stored."""


class Channel(Protocol):
    """A way to tell people.

    Attributes:
        name (str): Names the channel in the table `alerts` and in `status`. It must never change.
        settings (str): Where a user finds its settings, for warnings.
    """

    name: str
    settings: str

    def is_configured(self) -> bool:
        """Whether the user wants alerts through this channel."""

    def send(self, text: str) -> bool:
        """Send a text of several lines once. Return whether the receiver confirmed that it shows the text.

        Raises:
            ChannelError: The text was not taken. The next run tries again.
        """


def configured_channels() -> Iterator[Channel]:
    """Yield the channels that the user has configured, in the order of their names."""
    for module in iter_modules(__path__):
        channel: Channel | None = getattr(import_module(f"{__name__}.{module.name}"), "CHANNEL", None)
        if channel is not None and channel.is_configured():
            yield channel
