"""Standard output whose reader may leave (`run | head`): a run must not fail because nobody reads its lines."""

import io
import os
import sys


class _UntilClosed(io.FileIO):
    """Writes to a descriptor, and to the null device after the reader has closed the pipe."""

    def write(self, data: object) -> int:
        try:
            return super().write(data)  # type: ignore[arg-type]
        except BrokenPipeError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), self.fileno())
            return len(memoryview(data))  # type: ignore[arg-type]


def go_on_without_reader() -> None:
    """Let this process go on when nobody reads its standard output any more."""
    if sys.stdout is not sys.__stdout__ or not isinstance(sys.stdout, io.TextIOWrapper):
        # A test, or a program that calls the command, has its own.
        return
    old = sys.stdout
    old.flush()
    raw = io.BufferedWriter(_UntilClosed(old.fileno(), "w", closefd=False))
    sys.stdout = io.TextIOWrapper(raw, old.encoding, old.errors, line_buffering=old.line_buffering)
