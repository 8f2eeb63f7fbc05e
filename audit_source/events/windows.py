"""The windows of the event log, as pure functions over times in epoch ms (UTC): no I/O, no clock.

A window is half open and within one UTC day, so no request comes near Anaplan's limit of 30 days. It is the unit of
requests, of verification and of `event_windows`. The windows of one event type do not overlap. Together they are the
ledger of what was covered.
"""

from dataclasses import dataclass, replace
from typing import NamedTuple

from .spans import DAY_MS, HOUR_MS, MINUTE_MS, Span, day_end, day_start, split_hours

# The longest retention of any edition. The ledger goes back that far, whatever `history_days` is.
LONGEST_RETENTION_MS = 90 * DAY_MS
# Clocks of two machines may differ by this much without either being wrong.
CLOCK_SLACK_MS = 5 * MINUTE_MS

COMPLETE, INCOMPLETE, EXPIRED, PURGED = "complete", "incomplete", "expired", "purged"


@dataclass(frozen=True)
class Window:
    """A requested span, and its result.

    Attributes:
        reported (int): `totalSize`. Two adjoining windows may both count an event at their common edge: Anaplan does
            not document whether the end belongs to a span.
        distinct (int): Distinct ids that arrived. None if nothing arrived.
        events_in_span (int): Events dated within [start, end).
        repeats (int): Runs in a row, after the first, in which the window stayed incomplete with the same numbers. For
            an expired window, how often it was fetched in vain.
        probed (int): Total that a probe of the verified window reported, if it differs from `reported`. The same total
            again is no growth.
        digest (int): Sum over the contents of the events. 0 for windows that are not recent.
    """

    start: int
    end: int
    status: str
    reported: int | None = None
    distinct: int | None = None
    events_in_span: int = 0
    checked_at: int = 0
    repeats: int = 0
    probed: int | None = None
    digest: int = 0

    @property
    def span(self) -> Span:
        """Start and end."""
        return self.start, self.end


class Limits(NamedTuple):
    """The times that a plan depends on, in ms. `now` is fixed for a run."""

    now: int
    history: int
    overlap: int
    lag: int
    purged: int = 0

    @property
    def end(self) -> int:
        """End of a run. A window that reached now would shift during pagination."""
        return self.now - self.lag

    @property
    def floor(self) -> int:
        """Earliest time to load: Anaplan keeps nothing before it, or it was purged."""
        return max(self.now - self.history, self.purged)


def record(ledger: list[Window], window: Window) -> list[Window]:
    """Return the ledger with `window` in place of all windows that it overlaps."""
    kept = [w for w in ledger if w.end <= window.start or w.start >= window.end]
    return sorted([*kept, window], key=lambda w: w.start)


def compact_ledger(ledger: list[Window], limits: Limits) -> list[Window]:
    """Return the ledger with complete windows of past days joined, and without windows long past the retention.

    The last window stays, whatever its age: it says where the next run begins.
    """
    if not ledger:
        return []
    settled_before = max(w.end for w in ledger) - limits.overlap
    # Days at the edge of the retention stay divided into hours.
    edge_end = day_start(limits.floor) + 2 * DAY_MS
    joined: list[Window] = []
    for window in ledger:
        last = joined[-1] if joined else None
        is_at_edge = window.start < edge_end and day_end(window.start) > limits.floor
        is_past = not is_at_edge and day_end(window.start) <= settled_before
        if last is not None and is_past and can_join(last, window):
            joined[-1] = join([last, window])
        else:
            joined.append(window)
    oldest = limits.now - LONGEST_RETENTION_MS - DAY_MS
    return [w for w in joined if w.end > oldest or w is joined[-1]]


def can_join(first: Window, second: Window) -> bool:
    """Return whether two windows are complete, adjoining and of one day."""
    same_day = day_start(first.start) == day_start(second.start)
    return same_day and first.end == second.start and first.status == second.status == COMPLETE


def join(group: list[Window]) -> Window:
    """Return one window for adjoining ones. Its count is what Anaplan would report for the whole span."""
    if len(group) == 1:
        return group[0]
    count = sum(w.events_in_span for w in group)
    # The difference of a known total is kept, whichever part of the group it came from.
    probed = sum(w.events_in_span if w.probed is None else w.probed for w in group)
    return Window(
        group[0].start,
        group[-1].end,
        group[0].status,
        reported=count,
        distinct=count,
        events_in_span=count,
        checked_at=min(w.checked_at for w in group),
        probed=None if probed == count else probed,
        digest=sum(w.digest for w in group),
    )


def repair_future(ledger: list[Window], limits: Limits) -> list[Window]:
    """Return the ledger without what a clock that was ahead has written into it.

    A window of the future is removed, or cut at the end of this run. A window that was checked in the future may have
    be requested before it ended, so it counts as incomplete, unless it began to expire: fetched again, it would lose
    its verified hours. A window that expired in the future is not lost.
    """
    repaired: list[Window] = []
    for window in ledger:
        wrong = window.checked_at > limits.now + CLOCK_SLACK_MS
        if window.start >= limits.end or (wrong and window.status == EXPIRED and window.end > limits.floor):
            continue
        if window.end > limits.now:
            window = replace(window, end=limits.end, status=INCOMPLETE)
        elif wrong and window.status == COMPLETE and window.start >= limits.floor:
            window = replace(window, status=INCOMPLETE)
        repaired.append(replace(window, checked_at=0) if wrong else window)
    return repaired


def hours_of_next_edge(ledger: list[Window], limits: Limits) -> list[tuple[Window, list[Span]]]:
    """Return the verified windows of the day that expires next, each with the hours to divide it into.

    The total of a partly expired day proves nothing. Divided into hours, its retained part can still be compared.
    """
    day = day_start(limits.floor) + DAY_MS
    return [
        (window, split_hours(window.start, window.end))
        for window in ledger
        if window.status == COMPLETE
        and day <= window.start
        and window.end <= day + DAY_MS
        and window.end - window.start > HOUR_MS
    ]
