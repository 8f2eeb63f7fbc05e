"""Ctrl-C and SIGTERM end a run within seconds: with a line, and with 128 + the number of the signal."""

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

# What a step under way has to come to an end, and a token to be handed back. A run may die anywhere, so nothing is
# lost where this is not enough.
GRACE_SECONDS = 3.0
INTERRUPTED_LINE = "interrupted. What was loaded is kept; run again to go on."
_said = threading.Event()


class Interrupted(KeyboardInterrupt):
    """A signal asked the run to end; no retry and no `except Exception` may hold it up."""

    def __init__(self, number: int) -> None:
        self.code = 128 + number
        super().__init__(INTERRUPTED_LINE)


@contextmanager
def interruptible() -> Iterator[None]:
    """Turns the first signal into `Interrupted`; the process ends by itself if that has not ended it in time."""
    numbers = [number for number in (signal.SIGINT, signal.SIGTERM) if signal.getsignal(number) is not signal.SIG_IGN]
    before = {number: signal.signal(number, _interrupt) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def interruption_of(error: BaseException) -> int | None:
    """Returns the exit code if a signal is what ended the run, whatever has wrapped it since; else None."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, KeyboardInterrupt):
            return cause.code if isinstance(cause, Interrupted) else 128 + signal.SIGINT
        cause = cause.__cause__ or cause.__context__
    return None


def _interrupt(number: int, _: FrameType | None) -> None:
    for other in (signal.SIGINT, signal.SIGTERM):
        signal.signal(other, _end)
    watchdog = threading.Timer(GRACE_SECONDS, _end, (number, None))
    watchdog.daemon = True
    watchdog.start()
    raise Interrupted(number)


def say_interrupted() -> None:
    """Writes the line, once."""
    if not _said.is_set():
        _said.set()
        # Not through a buffer: the thread that holds its lock may be the one that hangs.
        os.write(2, f"audit: {INTERRUPTED_LINE}\n".encode())


def _end(number: int, _: FrameType | None) -> None:
    say_interrupted()
    os._exit(128 + number)
