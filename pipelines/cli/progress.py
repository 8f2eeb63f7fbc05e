"""Progress of a run on standard error: a bar on a terminal, one line every ten seconds in a log."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TextIO

from dlt.common.runtime.collector_base import Collector

from pipelines.run.progress import WindowCount
from pipelines.transform.table_progress import OnTable

BAR_WIDTH = 24
# Seconds between two updates. A terminal is redrawn, a log keeps every line.
TERMINAL_PERIOD, LOG_PERIOD = 0.1, 10.0


class Progress(Collector):
    """Shows finished and due windows and the events of a load, then the tables of an enrichment.

    dlt calls `update`, `_start` and `_stop`. It writes to standard error, because standard output carries the result.
    """

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = stream or sys.stderr
        self._period = TERMINAL_PERIOD if self._stream.isatty() else LOG_PERIOD
        self._began = self._shown = time.monotonic()
        self._windows: Callable[[], WindowCount] | None = None
        self._bar: Any = None
        self._rows = 0
        self._step = ""

    @contextmanager
    def watch(self, windows: Callable[[], WindowCount]) -> Iterator[None]:
        """Show the progress of a load until the block ends."""
        self._windows = windows
        self._bar = _terminal_bar(self._stream) if self._stream.isatty() else None
        try:
            yield
        finally:
            self._windows = None
            if self._bar is not None:
                self._bar.stop()

    @contextmanager
    def watch_tables(self, step: str) -> Iterator[OnTable]:
        """Yield the function that shows the table that a step begins, until the block ends."""
        began = time.monotonic()
        self._bar = _terminal_bar(self._stream) if self._stream.isatty() else None

        def show(begun: int, due: int, table: str) -> None:
            now = time.monotonic()
            if now - self._shown >= self._period:
                self._shown = now
                self._draw(step, begun, due, f"{begun}/{due} tables  {table}  {now - began:.0f} s")

        try:
            yield show
        finally:
            if self._bar is not None:
                self._bar.stop()

    def update(
        self,
        name: str,
        inc: int = 1,
        total: int | None = None,
        inc_total: int | None = None,
        message: str | None = None,
        label: str | None = None,
    ) -> None:
        """Count a step of dlt, which calls this."""
        if name == "events" and self._step == "extract":
            self._rows += inc
        if self._windows is not None and time.monotonic() - self._shown >= self._period:
            self._show(self._windows())

    def _start(self, step: str) -> None:
        self._step = step.split(" ")[0].lower()

    def _stop(self) -> None:
        pass

    def _show(self, windows: WindowCount) -> None:
        self._shown = time.monotonic()
        seconds = max(self._shown - self._began, 0.001)
        due = max(windows.due, windows.done, 1)
        counts = f"{windows.done}/{due} windows  {self._rows:,} events  {self._rows / seconds:,.0f}/s  {seconds:.0f} s"
        self._draw(self._step, windows.done, due, counts)

    def _draw(self, step: str, done: int, due: int, counts: str) -> None:
        if self._bar is None:
            self._stream.write(f"{step:<9} {counts}\n")
            self._stream.flush()
            return
        task = self._bar.task_ids[0]
        self._bar.update(task, description=step, completed=done, total=due, counts=counts, refresh=True)


def _terminal_bar(stream: TextIO) -> Any:
    """Return a running `rich` progress bar, which disappears when it is stopped.

    Only `update` redraws it: a separate thread would take time from the load.
    """
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn

    columns = (TextColumn("{task.description:<9}"), BarColumn(BAR_WIDTH), TextColumn("{task.fields[counts]}"))
    bar = Progress(*columns, console=Console(file=stream, highlight=False), transient=True, auto_refresh=False)
    bar.add_task("start", total=1, counts="")
    bar.start()
    return bar
