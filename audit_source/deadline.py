"""A time limit for a whole call. Socket time-outs count between two bytes, so a byte per second never exceeds one."""

import threading
from collections.abc import Callable
from typing import Any, TypeVar

Result = TypeVar("Result")


class DeadlineExceeded(Exception):
    """The call took too long."""


def within(seconds: float, call: Callable[[], Result]) -> Result:
    """Return what `call` returns, or raise what it raises. Its thread is abandoned when the time is up.

    Raises:
        DeadlineExceeded: The call took longer than `seconds`.
    """
    outcome: dict[str, Any] = {}

    def work() -> None:
        try:
            outcome["value"] = call()
        except BaseException as error:
            outcome["error"] = error

    # A daemon: an abandoned call must not keep the process alive.
    thread = threading.Thread(target=work, name="deadline", daemon=True)
    thread.start()
    thread.join(seconds)
    if thread.is_alive():
        raise DeadlineExceeded(f"no whole answer within {seconds:g} s")
    if "error" in outcome:
        raise outcome["error"]
    return outcome["value"]  # type: ignore[no-any-return]
