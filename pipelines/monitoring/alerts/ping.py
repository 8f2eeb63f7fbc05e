"""Tell a dead man's switch (healthchecks.io and others) that a run ended: it alerts when no ping arrives.

The address gets a POST after a run that ended with 0, and the address with `/fail` after any other one.
"""

import logging

from pipelines.common.alert_settings import alert_setting
from pipelines.common.exit_codes import DONE

from .channels import ChannelError
from .channels.posting import post

logger = logging.getLogger(__name__)


def ping_url() -> str:
    """Return the configured address, empty if there is none."""
    return alert_setting("ping_url")


def ping(command: str, exit_code: int) -> None:
    """Report the end of a `run`. A failure is a warning: the switch itself notices a missing ping."""
    if command != "run" or not ping_url():
        return
    try:
        send_ping(exit_code)
    except ChannelError as error:
        logger.warning("the ping was not sent: %s. Check `ping_url` under [alerts].", error)


def send_ping(exit_code: int) -> None:
    """Report an exit code.

    Raises:
        ChannelError: The address did not answer with 2xx.
    """
    address = ping_url().rstrip("/")
    post(address if exit_code == DONE else f"{address}/fail", {"exit_code": exit_code})
