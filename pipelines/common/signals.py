"""Ctrl-C, SIGTERM and the run timeout end a run within seconds, with one line and the usual exit code."""

import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

# Time for the current step to stop and for the session to sign out. Nothing is lost if this is too short: a run may die
# anywhere.
GRACE_SECONDS = 3.0
INTERRUPTED_LINE = "interrupted. What was loaded is kept. Run again to continue."
TIMED_OUT_LINE = "ended after `run_timeout`. What was loaded is kept. Run again to continue."
LEASE_LOST_LINE = (
    "another run took over, because this one stood still for longer than `lease_seconds`. It stopped before it wrote "
    "anything more, so nothing is doubled. What it had loaded is kept, and the next run loads the rest."
)
TIMED_OUT_CODE = 124
# Beside 75, another run holds the lock.
LEASE_LOST_CODE = 76
# The signal with which a thread ends the run. Windows has none that is free.
_FROM_THREAD = getattr(signal, "SIGUSR1", None)
_line_written = threading.Event()
_dropped = threading.Event()
_wanted_code = 0


class Interrupted(KeyboardInterrupt):
    """A signal or the deadline ends the run. Not an `Exception`, so that no retry and no handler delays it."""

    def __init__(self, code: int) -> None:
        self.code = code
        super().__init__(line_of(code))


def line_of(code: int) -> str:
    """Return the line for the exit code of an interrupted run."""
    return {TIMED_OUT_CODE: TIMED_OUT_LINE, LEASE_LOST_CODE: LEASE_LOST_LINE}.get(code, INTERRUPTED_LINE)


@contextmanager
def deadline(seconds: float) -> Iterator[None]:
    """End the run after `seconds` (0: never), by a signal to the main thread. If that hangs, end the process."""
    if not seconds or not hasattr(signal, "SIGALRM"):
        yield
        return
    before = signal.signal(signal.SIGALRM, _time_is_up)
    over = threading.Event()

    def end() -> None:
        if not over.wait(seconds):
            os.kill(os.getpid(), signal.SIGALRM)
        # A long database call blocks the main thread. Ending the process releases its locks too.
        if not over.wait(GRACE_SECONDS):
            write_interrupted_line(TIMED_OUT_CODE)
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
def ended_by_threads() -> Iterator[None]:
    """Let any thread end the run with `end_main_thread`."""
    if _FROM_THREAD is None or threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(_FROM_THREAD, _end_wanted)
    try:
        yield
    finally:
        signal.signal(_FROM_THREAD, before)


def end_main_thread(code: int) -> bool:
    """Raise `Interrupted` in the main thread, from any thread. Return false outside `ended_by_threads`."""
    global _wanted_code
    if threading.current_thread() is threading.main_thread():
        raise Interrupted(code)
    if _FROM_THREAD is None or signal.getsignal(_FROM_THREAD) is not _end_wanted:
        return False
    _wanted_code = code
    signal.pthread_kill(threading.main_thread().ident or 0, _FROM_THREAD)
    return True


def _end_wanted(_: int, __: FrameType | None) -> None:
    raise Interrupted(_wanted_code)


@contextmanager
def interruptible() -> Iterator[None]:
    """Turn the first signal into `Interrupted`. A watchdog ends the process if that takes too long."""
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
    """Return the exit code if a signal caused the error, however often it was wrapped, else None."""
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
    """Repeat an interruption that Python dropped, because it was raised inside a destructor."""
    if not isinstance(lost.exc_value, Interrupted):
        sys.__unraisablehook__(lost)
        return
    number = lost.exc_value.code - 128
    if lost.exc_value.code == _wanted_code and _FROM_THREAD is not None:
        number = _FROM_THREAD
    elif number not in (signal.SIGINT, signal.SIGTERM):
        number = signal.SIGALRM
    _dropped.set()
    # An exception raised here would be dropped again.
    again = threading.Timer(0.02, os.kill, (os.getpid(), number))
    again.daemon = True
    again.start()


def write_interrupted_line(code: int = 0) -> None:
    """Write the line to standard error, once."""
    if not _line_written.is_set():
        _line_written.set()
        # Unbuffered: the thread that holds the lock of the buffer may be the one that hangs.
        os.write(2, f"audit: {line_of(code)}\n".encode())


def _end(number: int, _: FrameType | None) -> None:
    if _dropped.is_set() and threading.current_thread() is threading.main_thread():
        _dropped.clear()
        raise Interrupted(128 + number)
    write_interrupted_line()
    os._exit(128 + number)
