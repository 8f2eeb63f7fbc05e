"""The row of a run in the table `runs`. It is inserted at the start, to show killed runs, and completed later."""

import platform
import socket
import time
import uuid
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

from pipelines.common.exit_codes import DONE, Ending
from pipelines.common.redaction import redact
from pipelines.common.text import printable
from pipelines.common.version import own_version
from pipelines.warehouse.run_tables import RUNS, OwnTables

if TYPE_CHECKING:
    from audit_source import Run
    from pipelines.export.forward.sender import Forwarded
    from pipelines.run.history import HistoryResult
    from pipelines.run.load import LoadResult
    from pipelines.transform.checks import CheckResult

LONGEST_ERROR = 1000


class RunRecord:
    """What one run has done so far.

    Attributes:
        seconds (Dict[str, float]): Duration of each step that has ended: `load`, `history`, `enrich`, `check`,
            `publish`, `forward`.
        found (Run): What the source found. None until the load begins.
        unpublished (Ending): Why a copy could not be written.
        exit_code (int): The exit code of the run.
        error (str): What went wrong, on one line without secrets.
    """

    def __init__(self, command: str) -> None:
        self.command = command
        self.run_id = uuid.uuid4().hex
        self.started_at = datetime.now(timezone.utc)
        self.seconds: dict[str, float] = {}
        self.found: Run | None = None
        self.loaded: LoadResult | None = None
        self.history: HistoryResult | None = None
        self.checked: list[CheckResult] | None = None
        self.unpublished: Ending | None = None
        self.forwarded: list[Forwarded] | None = None
        self.exit_code = DONE
        self.error = ""
        self._began = time.monotonic()

    def set_outcome(self, exit_code: int, error: str) -> None:
        """Set how the run ends. `error` is redacted, and empty if nothing went wrong."""
        self.exit_code, self.error = exit_code, redact(error)[:LONGEST_ERROR]

    def first_row(self) -> dict[str, Any]:
        """Return the columns that are known when the run starts."""
        return {
            "run_id": self.run_id,
            "command": self.command,
            "started_at": self.started_at,
            "host": socket.gethostname(),
            "versions": _versions(),
        }

    def last_row(self) -> dict[str, Any]:
        """Return the id and the columns that are known when the run ends."""
        found = self.found
        changes = self.loaded.changes if self.loaded else {}
        return {
            "run_id": self.run_id,
            "ended_at": datetime.now(timezone.utc),
            "exit_code": self.exit_code,
            "error": self.error or None,
            "new_events": found.new_events if found else None,
            "late_events": found.late_events if found else None,
            "windows": found.windows if found else None,
            "incomplete_windows": len(found.incomplete) if found else None,
            "expired_windows": len(found.expired) if found else None,
            **{f"{name}_changed": changes.get(name) for name in ("users", "workspaces", "models")},
            "not_read": redact("\n".join(printable(line) for line in found.unread)) or None if found else None,
            "history_rows": self.history.new_rows if self.history else None,
            "forwarded_events": None if self.forwarded is None else sum(one.events for one in self.forwarded),
            "failed_checks": None if self.checked is None else sum(not result.passed for result in self.checked),
            **{f"{step}_seconds": _rounded(self.seconds.get(step)) for step in ("load", "history", "enrich", "check")},
            "seconds": _rounded(time.monotonic() - self._began),
        }

    def begin(self, tables: OwnTables) -> None:
        """Insert the row."""
        tables.insert(RUNS, [self.first_row()])

    def end(self, tables: OwnTables) -> None:
        """Complete the row."""
        tables.update(RUNS, "run_id", self.last_row())


def _rounded(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds, 3)


def _versions() -> str:
    from importlib.metadata import version

    return f"anaplan-audit-log {own_version()}, python {platform.python_version()}, dlt {version('dlt')}"
