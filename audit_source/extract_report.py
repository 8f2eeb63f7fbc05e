"""One run of the source: its moment, what it found out, and what is to be closed at its end."""

import atexit
from collections.abc import Callable
from dataclasses import dataclass, field

from .errors import AuditSourceError
from .events.windows import Window, day_start
from .records import NewColumns


@dataclass
class Changes:
    """What a run did to the ledger of one event type.

    Attributes:
        before (List[Window]): The ledger before the run. A type that is requested for the first time has none, but
            meets the events that other types have brought: then these are the windows of the others.
        is_first (bool): Whether the type is requested for the first time.
        fetched (List[Window]): The windows fetched since.
        grown (List[Tuple[int, int]]): The spans found to have grown.
    """

    before: list[Window]
    is_first: bool = False
    fetched: list[Window] = field(default_factory=list)
    grown: list[tuple[int, int]] = field(default_factory=list)

    def new_events(self) -> int:
        """Return how many events more the fetched windows hold than those whose place they took.

        After a change from `all` to a narrower type it may be too low, for the day of the change.
        """
        if not self.is_first:
            return _growth(self.before, self.fetched)
        # The windows are cut otherwise, and a narrower type holds less than the others on some day.
        days = {day_start(window.start) for window in self.fetched}
        return sum(_growth(_of_day(self.before, day), _of_day(self.fetched, day)) for day in days)

    def late_events(self) -> int:
        """Return how many of the new events came with spans that had been verified before."""
        spans = ([w for w in self.fetched if start <= w.start < end] for start, end in self.grown)
        return sum(_growth(self.before, fetched) for fetched in spans)


def _of_day(windows: list[Window], day: int) -> list[Window]:
    return [window for window in windows if day_start(window.start) == day]


def _growth(before: list[Window], fetched: list[Window]) -> int:
    replaced = [w for w in before if any(w.start < new.end and w.end > new.start for new in fetched)]
    return max(0, sum(w.inside for w in fetched) - sum(w.inside for w in replaced))


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
        # By event type, over all loads of the run: one of them may end amid a window of before.
        self.changes: dict[str, Changes] = {}
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

    def notice(self, line: str) -> None:
        """Note what a reader of the summary should know, once: each load and event type of a run meets it again."""
        if line not in self.notices:
            self.notices.append(line)

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
