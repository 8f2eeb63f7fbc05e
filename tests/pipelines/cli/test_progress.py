"""Progress of a run: a bar on a terminal, plain lines in a log."""

import io
import os
import pty
import subprocess
import sys

import pytest

from pipelines.cli import progress
from pipelines.run.progress import WindowCount
from pipelines.transform.table_progress import counted
from tests.conftest import REPOSITORY

ON_A_TERMINAL = """
import logging
from pipelines.cli import progress
from pipelines.cli.command_group import WarningLines
from pipelines.cli.progress import Progress
from pipelines.run.progress import WindowCount

logging.getLogger("pipelines").addHandler(WarningLines())
# Draws each time, not ten times a second.
progress.TERMINAL_PERIOD = 0.0
shown = Progress()
shown._start("Extract audit")
with shown.watch(lambda: WindowCount(2, 5)):
    shown.update("events", 1000)
    logging.getLogger("pipelines.run").warning("something happened")
    shown.update("events", 500)
with shown.watch_tables("enrich") as begin:
    begin(3, 40, "fct_events")
"""


def test_a_log_gets_plain_lines_with_the_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "LOG_PERIOD", 0.0)
    log = io.StringIO()
    shown = progress.Progress(log)
    shown._start("Extract audit")
    with shown.watch(lambda: WindowCount(2, 5)):
        shown.update("events", 1000)
        shown.update("users", 7)
    first, second = log.getvalue().splitlines()
    assert first.startswith("extract   2/5 windows  1,000 events  ")
    assert second.startswith("extract   2/5 windows  1,000 events  ")
    assert "\x1b" not in log.getvalue() and "\r" not in log.getvalue()


def test_rows_are_counted_while_they_are_extracted_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "LOG_PERIOD", 0.0)
    log = io.StringIO()
    shown = progress.Progress(log)
    with shown.watch(lambda: WindowCount(1, 1)):
        for step in ("Extract audit", "Normalize audit", "Load audit"):
            shown._start(step)
            shown.update("events", 10)
    assert [line.split("windows  ")[1].split(" events")[0] for line in log.getvalue().splitlines()] == ["10"] * 3


def test_a_log_gets_the_tables_of_an_enrichment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "LOG_PERIOD", 0.0)
    log = io.StringIO()
    with progress.Progress(log).watch_tables("enrich") as tell:
        begin = counted(2, tell)
        begin("dim_users")
        begin("fct_events")
    assert log.getvalue() == "enrich    0/2 tables  dim_users  0 s\nenrich    1/2 tables  fct_events  0 s\n"


def test_nothing_is_shown_outside_of_a_load(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "LOG_PERIOD", 0.0)
    log = io.StringIO()
    shown = progress.Progress(log)
    shown.update("fct_events", 10)
    assert log.getvalue() == ""


def test_a_terminal_gets_a_bar_and_warnings_on_lines_of_their_own() -> None:
    ours, theirs = pty.openpty()
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY), "TERM": "xterm", "COLUMNS": "100"}
    with subprocess.Popen([sys.executable, "-c", ON_A_TERMINAL], stderr=theirs, env=environment) as child:
        os.close(theirs)
        shown = b""
        # On Linux, reading fails when the child has closed the terminal.
        while chunk := _read(ours):
            shown += chunk
    os.close(ours)
    assert child.returncode == 0
    text = shown.decode()
    assert "2/5 windows  1,000 events" in text and "2/5 windows  1,500 events" in text
    assert "3/40 tables  fct_events" in text
    # The line is erased before the warning takes its place.
    before, _, after = text.partition("audit: something happened")
    assert after and before.endswith("\x1b[2K")


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 4096)
    except OSError:
        return b""
