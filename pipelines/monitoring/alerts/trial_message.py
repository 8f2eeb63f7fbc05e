"""A test message through every configured channel."""

from typing import NamedTuple

from pipelines.common.exit_codes import DONE

from .channels import ChannelError, configured_channels
from .ping import ping_url, send_ping
from .texts import headline


class Tested(NamedTuple):
    """A channel, and what became of the message."""

    channel: str
    works: bool
    outcome: str


def send_test() -> list[Tested]:
    """Send a test message through each channel, and a ping of success. A channel that fails stops no other."""
    text = f"{headline()}\n• TEST: this message shows that alerts arrive here. Nothing happened."
    results = []
    for channel in configured_channels():
        try:
            confirmed = channel.send(text)
        except ChannelError as error:
            results.append(Tested(channel.name, False, f"failed: {error}. Check {channel.settings}."))
        else:
            note = "taken" if confirmed else "taken without a confirmation: look whether it is shown"
            results.append(Tested(channel.name, True, note))
    if ping_url():
        results.append(_tested_ping())
    return results


def _tested_ping() -> Tested:
    try:
        send_ping(DONE)
    except ChannelError as error:
        return Tested("ping", False, f"failed: {error}. Check `ping_url` under [alerts].")
    return Tested("ping", True, "taken")
