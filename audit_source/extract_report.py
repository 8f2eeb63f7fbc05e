"""What one run of the source found, and what must be closed at its end."""

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from types import TracebackType
from typing import NamedTuple

from .errors import AuditSourceError
from .events.spans import Span, day_start
from .events.windows import Window
from .records import NewColumns


class ShrunkList(NamedTuple):
    """A list that lost so many records at once that it was not applied."""

    name: str
    records_before: int
    records_now: int


class ContentProgress(NamedTuple):
    """How many models are listed, and how many of them have each status of `content_reads`."""

    models: int
    statuses: dict[str, int]

    @classmethod
    def of(cls, statuses: Iterable[str | None]) -> "ContentProgress":
        """Return the progress for the status of each listed model, None for one that was never requested."""
        counted = Counter(statuses)
        return cls(counted.total(), {status: count for status, count in counted.items() if status is not None})


class ReloadLimit(NamedTuple):
    """A `Reload` began before the earliest time that can be loaded.

    Attributes:
        floor (int): Epoch ms of that time.
        is_purged (bool): Whether the days before it were purged. Otherwise Anaplan no longer keeps them.
        history_days (int): Anaplan's retention, as configured.
    """

    floor: int
    is_purged: bool
    history_days: int


@dataclass
class Changes:
    """What a run changed in the ledger of one event type.

    Attributes:
        before (List[Window]): The ledger before the run. A type that is requested for the first time has none. Then
            these are the windows of the other types, which have loaded its events.
        is_first (bool): Whether the type is requested for the first time.
        fetched (List[Window]): The windows fetched since.
        grown (List[Span]): The spans found to have grown.
        retained_from (int): Earliest epoch ms of a span in which Anaplan had events in this run; None before the first.
    """

    before: list[Window]
    is_first: bool = False
    fetched: list[Window] = field(default_factory=list)
    grown: list[Span] = field(default_factory=list)
    retained_from: int | None = None

    def note_events_at(self, moment: int) -> None:
        """Note that Anaplan still has events of a span that begins at a moment."""
        self.retained_from = moment if self.retained_from is None else min(self.retained_from, moment)

    def retains(self, moment: int) -> bool:
        """Return whether Anaplan is known to have events of that moment or before. An empty answer proves nothing."""
        return self.retained_from is not None and self.retained_from <= moment

    def new_events(self) -> int:
        """Return how many more events the fetched windows hold than those they replaced.

        For the day of a change from `all` to a narrower type it may be too low.
        """
        if not self.is_first:
            return _growth(self.before, self.fetched)
        # The other types have other windows, and a narrower type may hold less on some day: compare by day.
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
    return max(0, sum(w.events_in_span for w in fetched) - sum(w.events_in_span for w in replaced))


class Run:
    """Findings of a run, filled while the resources are extracted. The loads of one run share it, and its time.

    Close it at the end, or use it in a `with` statement: that ends the threads and the Anaplan session.

    Args:
        tolerant (bool): Whether an error that concerns one list or window is noted in `problems` instead of raised.

    Attributes:
        started_at (int): Epoch ms up to which windows are planned, set by the first load.
        unfinished (bool): Whether `events_per_load` ended the last load before all its windows were fetched.
        problems (List[AuditSourceError]): What was left out of the load, if `tolerant`.
        changes (Dict[str, Changes]): By event type, over all loads: a load may end in the middle of an old window.
        notices (List[str]): Lines for the reader of the summary. None of them is an error.
        shrunk (List[ShrunkList]): Lists that were not applied.
        reload_limit (ReloadLimit): Set if a `Reload` began too early.
        versions_at (int): Epoch ms from which the versions of this run's lists are valid; None until a list was read.
        learn_clock (Callable): Signs in and reads Anaplan's clock; for a caller that plans by it before it loads.
        contents (ContentProgress): How far the reading of models' contents is; None if it is off.
        unread (List[str]): What the account cannot read, with the reason. None of them is an error.
        drift (Set[Tuple[str, str]]): Kind and name of what Anaplan sends for the first time.
    """

    def __init__(self, tolerant: bool = False) -> None:
        self.tolerant = tolerant
        self.started_at: int | None = None
        self.unfinished = False
        self.windows = self.windows_due = 0
        self.new_events = 0
        self.late_events = 0
        self.changes: dict[str, Changes] = {}
        self.incomplete: list[Window] = []
        self.expired: list[Window] = []
        self.directory: dict[str, int] = {}
        self.problems: list[AuditSourceError] = []
        self.notices: list[str] = []
        self.shrunk: list[ShrunkList] = []
        self.reload_limit: ReloadLimit | None = None
        self.versions_at: int | None = None
        self.learn_clock: Callable[[], None] = lambda: None
        self.contents: ContentProgress | None = None
        self.unread: list[str] = []
        self.new_columns = NewColumns()
        self.drift: set[tuple[str, str]] = set()
        self._closers: list[Callable[[], None]] = []

    def notice(self, line: str) -> None:
        """Add a line to the notices once: each load and event type of a run meets it again."""
        if line not in self.notices:
            self.notices.append(line)

    def leave_unread(self, line: str) -> None:
        """Note optional data that cannot be read, once."""
        if line not in self.unread:
            self.unread.append(line)

    def leave_out(self, error: AuditSourceError) -> None:
        """Note an error that must not keep the rest from being loaded; raise it if the run is not `tolerant`."""
        if not self.tolerant:
            raise error
        # Each load of a run meets it again.
        if str(error) not in map(str, self.problems):
            self.problems.append(error)

    def closing(self, closer: Callable[[], None]) -> None:
        """Add what `close` calls. The last one added is called first."""
        self._closers.append(closer)

    def close(self) -> None:
        """End the threads, the second process and the Anaplan session. A second call does nothing."""
        while self._closers:
            self._closers.pop()()

    def __enter__(self) -> "Run":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()
