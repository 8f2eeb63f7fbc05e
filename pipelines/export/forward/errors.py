"""Why a target did not accept events, and how often it is tried again."""

from collections.abc import Callable

import dlt
from tenacity import RetryCallState, Retrying, retry_if_exception_type, stop_after_attempt


class TargetError(Exception):
    """The target did not accept the events. The text holds no address and no secret."""


class PassingError(TargetError):
    """The same, for a reason that may pass. `pause` are the seconds that the target asked for."""

    def __init__(self, reason: str, pause: float = 0.0) -> None:
        super().__init__(reason)
        self.pause = pause


def send_with_retries(send: Callable[[], None]) -> None:
    """Send, and try again after a reason that may pass, as often as dlt's `[runtime]` says.

    Raises:
        TargetError: The last attempt failed, or the reason will not pass.
    """
    attempts = max(1, int(_number("request_max_attempts", 5.0)))
    policy = retry_if_exception_type(PassingError)
    Retrying(retry=policy, stop=stop_after_attempt(attempts), wait=_pause, reraise=True)(send)


def _pause(state: RetryCallState) -> float:
    error = state.outcome.exception() if state.outcome else None
    wished = error.pause if isinstance(error, PassingError) else 0.0
    doubled: float = _number("request_backoff_factor", 1.0) * 2 ** (state.attempt_number - 1)
    return min(max(wished, doubled), _number("request_max_retry_delay", 60.0))


def _number(name: str, default: float) -> float:
    value = dlt.config.get(f"runtime.{name}", float)
    return default if value is None else float(value)


def request_timeout() -> float:
    """Return the seconds without a byte after which a target counts as unreachable."""
    return _number("request_timeout", 60.0)
