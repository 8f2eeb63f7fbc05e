"""A limit on a call as a whole: time-outs count from one byte to the next, so a byte a second never meets one."""

import threading
from collections.abc import Callable
from typing import Any, TypeVar

Result = TypeVar("Result")


class DeadlineExceeded(Exception):
    """The call took longer than it may."""


def within(seconds: float, call: Callable[[], Result]) -> Result:
    """Return what `call` returns, or raise what it raises; its thread is abandoned when the time is up.

    Raises:
        DeadlineExceeded: It took longer than `seconds`.
    """
    outcome: dict[str, Any] = {}

    def work() -> None:
        try:
            outcome["value"] = call()
        except BaseException as error:
            outcome["error"] = error

    # A daemon: an abandoned call must not keep the process from ending.
    thread = threading.Thread(target=work, name="deadline", daemon=True)
    thread.start()
    thread.join(seconds)
    if thread.is_alive():
        raise DeadlineExceeded(f"no whole answer within {seconds:g} s")
    if "error" in outcome:
        raise outcome["error"]
    return outcome["value"]  # type: ignore[no-any-return]
