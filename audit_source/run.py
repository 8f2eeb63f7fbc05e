"""One run of the source: its moment, what it found out, and what is to be closed at its end."""

import atexit
from collections.abc import Callable

from .errors import AuditSourceError
from .records import NewColumns
from .windows import Window


class Run:
    """Filled while the resources are extracted; several loads may share one, and then share its moment.

    Attributes:
        started_at (int): Epoch ms up to which windows are planned; set by the first load.
        unfinished (bool): Whether `events_per_load` ended the last load before its windows were through.
        problems (List[AuditSourceError]): What was left out of the load, where `tolerant`.
    """

    def __init__(self, tolerant: bool = False) -> None:
        self.tolerant = tolerant
        self.started_at: int | None = None
        self.unfinished = False
        self.windows = self.windows_due = 0
        self.new_events = 0
        self.late_events = 0
        # By event type: the ledger before the run, the windows fetched since, the spans found to have grown.
        self.changes: dict[str, tuple[list[Window], list[Window], list[tuple[int, int]]]] = {}
        self.incomplete: list[Window] = []
        self.expired: list[Window] = []
        self.directory: dict[str, int] = {}
        self.problems: list[AuditSourceError] = []
        # What a reader of the summary should know; nothing of it is an error.
        self.notices: list[str] = []
        # Lists that lost so much at once that they were not applied: name, records before, records now.
        self.shrunk: list[tuple[str, int, int]] = []
        # From when on (epoch ms) the versions of this run's lists hold; None until a list was read.
        self.versions_at: int | None = None
        # Signs in and learns Anaplan's clock, where the source has been made; called by whoever plans by the clock.
        self.learn_clock: Callable[[], None] = lambda: None
        self.new_columns = NewColumns()
        # Kind and name of what Anaplan sends since this run and the schema does not foresee.
        self.drift: set[tuple[str, str]] = set()
        self._closers: list[Callable[[], None]] = []
        atexit.register(self.close)

    def leave_out(self, error: AuditSourceError) -> None:
        """Notes an error that must not keep the rest from being loaded; raises it where nobody reads the notes."""
        if not self.tolerant:
            raise error
        # Each load of a run meets it again.
        if str(error) not in map(str, self.problems):
            self.problems.append(error)

    def closing(self, closer: Callable[[], None]) -> None:
        self._closers.append(closer)

    def close(self) -> None:
        """Ends threads and the Anaplan session; may be called twice."""
        while self._closers:
            self._closers.pop()()
        atexit.unregister(self.close)
