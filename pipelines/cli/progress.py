"""How a load gets on: one line that is drawn over on a terminal, a line every ten seconds elsewhere."""

import sys
import time
from typing import Any, TextIO

from dlt.common.runtime.collector_base import Collector

BAR_WIDTH = 24
# Seconds between two lines: a terminal is drawn over, a log file keeps every line.
TERMINAL_PERIOD, LOG_PERIOD = 0.1, 10.0


class Progress(Collector):
    """Shows the windows that are through, of those that are due, and the events of this run.

    Args:
        run (Run): The findings of the source, which counts the windows.
        stream (TextIO): Where to write; standard error, so that output can be piped.
    """

    def __init__(self, run: Any, stream: TextIO | None = None) -> None:
        self.run = run
        self._stream = stream or sys.stderr
        self._on_terminal = self._stream.isatty()
        self._period = TERMINAL_PERIOD if self._on_terminal else LOG_PERIOD
        self._began = self._shown = time.monotonic()
        self._rows = 0
        self._doing = ""

    def update(
        self,
        name: str,
        inc: int = 1,
        total: int | None = None,
        inc_total: int | None = None,
        message: str | None = None,
        label: str | None = None,
    ) -> None:
        if name == "events" and self._doing.startswith("Extract"):
            self._rows += inc
        if time.monotonic() - self._shown >= self._period:
            self.show()

    def _start(self, step: str) -> None:
        self._doing = step

    def _stop(self) -> None:
        pass

    def show(self) -> None:
        """Writes the line as it stands."""
        self._shown = time.monotonic()
        line = self.line()
        self._stream.write(f"\r\x1b[K{line}" if self._on_terminal else f"{line}\n")
        self._stream.flush()

    def clear(self) -> None:
        """Takes the line off the terminal."""
        if self._on_terminal:
            self._stream.write("\r\x1b[K")
            self._stream.flush()

    def line(self) -> str:
        done, due = self.run.windows, max(self.run.windows_due, self.run.windows, 1)
        filled = BAR_WIDTH * done // due
        bar = "#" * filled + "." * (BAR_WIDTH - filled)
        seconds = max(time.monotonic() - self._began, 0.001)
        step = self._doing.split(" ")[0].lower() or "start"
        return (
            f"{step:<9} [{bar}] {done}/{due} windows  {self._rows:,} events  "
            f"{self._rows / seconds:,.0f}/s  {seconds:.0f} s"
        )
