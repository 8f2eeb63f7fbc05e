"""Ctrl-C and SIGTERM end a run within seconds: with a line, and with 128 + the number of the signal."""

import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

# What a step under way has to come to an end, and a token to be handed back. A run may die anywhere, so nothing is
# lost where this is not enough.
GRACE_SECONDS = 3.0
INTERRUPTED_LINE = "interrupted. What was loaded is kept; run again to go on."
TIMED_OUT_LINE = "ended after `run_timeout`. What was loaded is kept; run again to go on."
TIMED_OUT_CODE = 124
_said = threading.Event()
_lost = threading.Event()


class Interrupted(KeyboardInterrupt):
    """The run has to end, by a signal or its deadline; no retry and no `except Exception` may hold it up."""

    def __init__(self, code: int) -> None:
        self.code = code
        super().__init__(line_of(code))


def line_of(code: int) -> str:
    """Return the line for an exit code of a run that was made to end."""
    return TIMED_OUT_LINE if code == TIMED_OUT_CODE else INTERRUPTED_LINE


@contextmanager
def deadline(seconds: float) -> Iterator[None]:
    """End the run after so many seconds, 0 for never: the main thread by a signal, else the whole process."""
    if not seconds or not hasattr(signal, "SIGALRM"):
        yield
        return
    before = signal.signal(signal.SIGALRM, _time_is_up)
    over = threading.Event()

    def end() -> None:
        if not over.wait(seconds):
            os.kill(os.getpid(), signal.SIGALRM)
        # A database at work holds the main thread: then the process ends, and its locks with it.
        if not over.wait(GRACE_SECONDS):
            say_interrupted(TIMED_OUT_CODE)
            os._exit(TIMED_OUT_CODE)

    threading.Thread(target=end, name="run-timeout", daemon=True).start()
    try:
        yield
    finally:
        over.set()
        signal.signal(signal.SIGALRM, before)


def _time_is_up(_: int, __: FrameType | None) -> None:
    raise Interrupted(TIMED_OUT_CODE)


@contextmanager
def interruptible() -> Iterator[None]:
    """Turns the first signal into `Interrupted`; the process ends by itself if that has not ended it in time."""
    numbers = [number for number in (signal.SIGINT, signal.SIGTERM) if signal.getsignal(number) is not signal.SIG_IGN]
    before = {number: signal.signal(number, _interrupt) for number in numbers}
    hook, sys.unraisablehook = sys.unraisablehook, _raise_again
    try:
        yield
    finally:
        sys.unraisablehook = hook
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
    raise Interrupted(128 + number)


def _raise_again(lost: "sys.UnraisableHookArgs") -> None:
    """Repeat an interruption that met the main thread in a destructor, where Python drops every exception."""
    if not isinstance(lost.exc_value, Interrupted):
        sys.__unraisablehook__(lost)
        return
    number = lost.exc_value.code - 128
    if number not in (signal.SIGINT, signal.SIGTERM):
        number = signal.SIGALRM
    _lost.set()
    # Raised here it would be dropped again.
    again = threading.Timer(0.02, os.kill, (os.getpid(), number))
    again.daemon = True
    again.start()


def say_interrupted(code: int = 0) -> None:
    """Write the line, once."""
    if not _said.is_set():
        _said.set()
        # Not through a buffer: the thread that holds its lock may be the one that hangs.
        os.write(2, f"audit: {line_of(code)}\n".encode())


def _end(number: int, _: FrameType | None) -> None:
    if _lost.is_set() and threading.current_thread() is threading.main_thread():
        _lost.clear()
        raise Interrupted(128 + number)
    say_interrupted()
    os._exit(128 + number)
