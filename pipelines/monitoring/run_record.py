"""Keeps each run as a row of `runs`: written when it begins, so that a killed one shows, and completed when it ends."""

import platform
import socket
import time
import uuid
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

from pipelines.common.exit_codes import DONE
from pipelines.common.redaction import redact
from pipelines.common.version import own_version
from pipelines.warehouse.run_tables import RUNS, OwnTables

if TYPE_CHECKING:
    from audit_source import Run
    from pipelines.run.load import LoadResult
    from pipelines.transform.checks import CheckResult

LONGEST_ERROR = 1000


class RunRecord:
    """What one run did so far.

    Attributes:
        seconds (Dict[str, float]): Seconds of each step that has begun: `load`, `enrich`, `check`.
        run (Run): Findings of the source.
        exit_code (int): What the run ends with.
        error (str): What went wrong, in one line without secrets.
    """

    def __init__(self, command: str) -> None:
        self.command = command
        self.run_id = uuid.uuid4().hex
        self.started_at = datetime.now(timezone.utc)
        self.seconds: dict[str, float] = {}
        self.run: Run | None = None
        self.loaded: LoadResult | None = None
        self.checked: list[CheckResult] | None = None
        self.exit_code = DONE
        self.error = ""
        self._began = time.monotonic()

    def fail(self, code: int, line: str) -> None:
        """Notes what the run ends with."""
        self.exit_code, self.error = code, redact(line)[:LONGEST_ERROR]

    def first_row(self) -> dict[str, Any]:
        """Returns the row as far as it is known at the beginning."""
        return {
            "run_id": self.run_id,
            "command": self.command,
            "started_at": self.started_at,
            "host": socket.gethostname(),
            "versions": _versions(),
        }

    def last_row(self) -> dict[str, Any]:
        """Returns the columns that are known at the end, and the id."""
        run = self.run if "load" in self.seconds else None
        changes = self.loaded.changes if self.loaded else {}
        return {
            "run_id": self.run_id,
            "ended_at": datetime.now(timezone.utc),
            "exit_code": self.exit_code,
            "error": self.error or None,
            "new_events": run.new_events if run else None,
            "late_events": run.late_events if run else None,
            "windows": run.windows if run else None,
            "incomplete_windows": len(run.incomplete) if run else None,
            "expired_windows": len(run.expired) if run else None,
            **{f"{name}_changed": changes.get(name) for name in ("users", "workspaces", "models")},
            "failed_checks": None if self.checked is None else sum(not result.passed for result in self.checked),
            **{f"{step}_seconds": _rounded(self.seconds.get(step)) for step in ("load", "enrich", "check")},
            "seconds": _rounded(time.monotonic() - self._began),
        }

    def begin(self, tables: OwnTables) -> None:
        """Writes the row of a run that has begun."""
        tables.insert(RUNS, [self.first_row()])

    def end(self, tables: OwnTables) -> None:
        """Completes the row."""
        tables.update(RUNS, "run_id", self.last_row())


def _rounded(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds, 3)


def _versions() -> str:
    from importlib.metadata import version

    return f"anaplan-audit-log {own_version()}, python {platform.python_version()}, dlt {version('dlt')}"
