"""Which spans of time to ask for. Pure functions over times in epoch milliseconds (UTC): no I/O, no clock.

A window is half open, lies within one UTC day (so no request comes near Anaplan's limit of 30 days), and is
what a request asks for, what is verified, and what `event_windows` keeps. The windows of one event type do not
overlap: together they are the ledger of what has been covered.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import NamedTuple

MINUTE_MS = 60_000
HOUR_MS = 60 * MINUTE_MS
DAY_MS = 24 * HOUR_MS
# The longest that any edition keeps events: the ledger remembers that long, whatever `history_days` says now.
LONGEST_RETENTION_MS = 90 * DAY_MS
# Clocks of two machines may differ by this much without either being wrong.
CLOCK_SLACK_MS = 5 * MINUTE_MS
# A window that came out the same in so many runs stays as it is: it is fetched again once a day only.
SETTLED_REPEATS = 3

COMPLETE, INCOMPLETE, EXPIRED, PURGED = "complete", "incomplete", "expired", "purged"

Span = tuple[int, int]


@dataclass(frozen=True)
class Window:
    """A span that was asked for, and what came of it.

    `inside` counts the events that lie within [start, end): whether Anaplan counts an event at the very end of
    a span is not documented, so `reported` of two adjoining windows may both hold it. `repeats` counts the runs in a
    row, after the first, that found an incomplete window with the same numbers. `probed` is the total that a probe
    of the verified window reported, where it differs from `reported`: the same total again is no growth. `digest` is
    a sum over the contents of its events, 0 for windows that are not recent.
    """

    start: int
    end: int
    status: str
    reported: int | None = None
    distinct: int | None = None
    inside: int = 0
    checked_at: int = 0
    repeats: int = 0
    probed: int | None = None
    digest: int = 0


class Limits(NamedTuple):
    """The times that a plan depends on, in ms: `now` is fixed for a run."""

    now: int
    history: int
    overlap: int
    lag: int
    purged: int = 0

    @property
    def end(self) -> int:
        """Where a run ends: a window that reaches now would shift while it is paged."""
        return self.now - self.lag

    @property
    def floor(self) -> int:
        """Before this Anaplan keeps nothing, or nothing is wanted any more."""
        return max(self.now - self.history, self.purged)


class Plan(NamedTuple):
    """What a run has to do: spans to fetch (oldest first), groups to ask about, windows lost for ever."""

    fetch: list[Span]
    probe: list[list[Window]]
    expired: list[Window]


def plan(ledger: list[Window], limits: Limits) -> Plan:
    """Returns what is left to do. What was checked at `limits.now` or later is done for this run.

    To be fetched: what no window covers; what is incomplete; what ends less than the overlap before the end of
    what is covered. To be asked about: every other stretch of complete windows that Anaplan still keeps.
    Expired: what nothing covers, or only incompletely, and Anaplan keeps no longer.
    """
    if not ledger:
        return Plan(_cut([(day_start(limits.floor), limits.end)], limits), [], [])
    uncovered = subtract([(min(ledger[0].start, limits.floor), limits.end)], [(w.start, w.end) for w in ledger])
    lost = [span for span in uncovered if span[0] < limits.floor]
    open_windows = [w for w in ledger if w.status != EXPIRED and w.end > limits.floor and w.checked_at < limits.now]
    settled_before = max(w.end for w in ledger) - limits.overlap
    again = [w for w in open_windows if _is_due(w, limits) or w.end > settled_before]
    # The total of a window that Anaplan is forgetting says nothing: such days are kept in hours.
    probed = [w for w in open_windows if w not in again and w.status == COMPLETE and w.start >= limits.floor]
    fetch = subtract(uncovered, [(0, limits.floor)]) + [(w.start, w.end) for w in again]
    expired = [
        Window(start, end, EXPIRED, checked_at=limits.now)
        for start, end in split_days((start, min(end, limits.floor)) for start, end in lost)
    ]
    expired += [
        replace(w, status=EXPIRED, checked_at=limits.now)
        for w in ledger
        if w.status == INCOMPLETE and w.end <= limits.floor
    ]
    return Plan(_cut(fetch, limits), _groups(probed), expired)


def repair_future(ledger: list[Window], limits: Limits) -> list[Window]:
    """Return the ledger without what a clock that was ahead has written into it.

    A window of the future never happened: it is cut off at the end of this run. One that was checked in the future may
    have been asked for before it was over: it counts as incomplete. One that was given up in the future is not lost.
    """
    repaired: list[Window] = []
    for window in ledger:
        wrong = window.checked_at > limits.now + CLOCK_SLACK_MS
        if window.start >= limits.end or (wrong and window.status == EXPIRED and window.end > limits.floor):
            continue
        if window.end > limits.now:
            window = replace(window, end=limits.end, status=INCOMPLETE)
        elif wrong and window.status == COMPLETE and window.end > limits.floor:
            window = replace(window, status=INCOMPLETE)
        repaired.append(replace(window, checked_at=0) if wrong else window)
    return repaired


def hours_of_next_edge(ledger: list[Window], limits: Limits) -> list[tuple[Window, list[Span]]]:
    """Return the verified windows of the day that Anaplan forgets next, each with the hours to divide it into.

    The total of a day that is partly forgotten proves nothing. Divided into hours, the part of it that is still kept
    can be compared until the day is gone.
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


def split_hours(start: int, end: int) -> list[Span]:
    """Return a span cut at every full hour."""
    edges = [start, *range(start - start % HOUR_MS + HOUR_MS, end, HOUR_MS), end]
    return list(pairwise(edges))


def plan_reload(ledger: list[Window], limits: Limits, since: int | None, until: int | None) -> list[Span]:
    """Returns the spans to fetch for [since, until): whole windows, so that the ledger keeps its edges.

    It begins where Anaplan's memory does at the earliest: what was verified before is not to be replaced by the
    nothing that Anaplan has of it now. It ends where a run ends at the latest.
    """
    start = limits.floor if since is None else max(since, limits.floor)
    end = limits.end if until is None else min(until, limits.end)
    touched = [w for w in ledger if w.start >= limits.floor and w.start < end and w.end > start]
    done = [(w.start, w.end) for w in ledger if w.checked_at >= limits.now]
    wanted = subtract([(start, end)] if start < end else [], [(w.start, w.end) for w in ledger])
    return _cut(subtract(wanted + [(w.start, w.end) for w in touched], done), limits)


def record(ledger: list[Window], window: Window) -> list[Window]:
    """Returns the ledger with `window` in the place of all that it covers."""
    kept = [w for w in ledger if w.end <= window.start or w.start >= window.end]
    return sorted([*kept, window], key=lambda w: w.start)


def settle(ledger: list[Window], limits: Limits) -> list[Window]:
    """Returns the ledger with the complete windows of past days joined, and without what is long past the retention.

    The last window stays whatever its age: it tells where the next run begins.
    """
    if not ledger:
        return []
    settled_before = max(w.end for w in ledger) - limits.overlap
    # Days at the edge of the retention stay in hours.
    kept_apart = day_start(limits.floor) + 2 * DAY_MS
    joined: list[Window] = []
    for window in ledger:
        last = joined[-1] if joined else None
        is_at_edge = window.start < kept_apart and day_end(window.start) > limits.floor
        past = not is_at_edge and day_end(window.start) <= settled_before
        if last is not None and past and _belong_together(last, window):
            joined[-1] = join([last, window])
        else:
            joined.append(window)
    oldest = limits.now - LONGEST_RETENTION_MS - DAY_MS
    return [w for w in joined if w.end > oldest or w is joined[-1]]


def join(group: list[Window]) -> Window:
    """Returns one window for adjoining ones: its count is what the same span would report as a whole."""
    if len(group) == 1:
        return group[0]
    inside = sum(w.inside for w in group)
    checked_at = min(w.checked_at for w in group)
    # A total of the whole that was seen before is known by its difference, whatever part of the group it came from.
    probed = sum(w.inside if w.probed is None else w.probed for w in group)
    return Window(
        group[0].start,
        group[-1].end,
        group[0].status,
        inside,
        inside,
        inside,
        checked_at,
        probed=None if probed == inside else probed,
        digest=sum(w.digest for w in group),
    )


def halves(span: Span) -> list[Span]:
    """Returns a span as two, where it holds more events than one load should."""
    middle = (span[0] + span[1]) // 2
    return [(span[0], middle), (middle, span[1])]


def subtract(spans: Iterable[Span], taken: Iterable[Span]) -> list[Span]:
    """Returns the parts of `spans` that lie in none of `taken`, in order."""
    left = sorted(spans)
    for start, end in taken:
        left = [
            part
            for span in left
            for part in ((span[0], min(span[1], start)), (max(span[0], end), span[1]))
            if part[0] < part[1]
        ]
    return left


def split_days(spans: Iterable[Span]) -> list[Span]:
    """Returns the spans cut at every UTC midnight."""
    return [
        (max(start, day), min(end, day + DAY_MS))
        for start, end in spans
        for day in range(day_start(start), end, DAY_MS)
    ]


def day_start(moment: int) -> int:
    return moment - moment % DAY_MS


def day_end(moment: int) -> int:
    return day_start(moment) + DAY_MS


def _with_edge(spans: list[Span], limits: Limits) -> list[Span]:
    """Cuts off the stretch that Anaplan is forgetting right now: it shrinks while it is paged, so it is kept short."""
    edge = limits.floor + 10 * MINUTE_MS
    return [
        part for start, end in spans for part in ((start, min(edge, end)), (max(start, edge), end)) if part[0] < part[1]
    ]


def _cut(spans: list[Span], limits: Limits) -> list[Span]:
    """Joins adjoining spans; cuts them at midnight, at the edge of Anaplan's memory, and one overlap before the end.

    The last cut is what the next run begins at, so that it fetches the overlap again and not the whole day.
    """
    merged: list[Span] = []
    for start, end in sorted((start, min(end, limits.end)) for start, end in spans if start < limits.end):
        if merged and merged[-1][1] >= start:
            merged[-1] = (merged[-1][0], max(merged[-1][1], end))
        else:
            merged.append((start, end))
    tail = limits.end - limits.overlap
    pieces = [
        part
        for start, end in merged
        for part in ((start, min(end, tail)), (max(start, tail), end))
        if part[0] < part[1]
    ]
    days = split_days(_with_edge(pieces, limits) if any(start < limits.floor for start, _ in pieces) else pieces)
    edge = day_start(limits.floor) + DAY_MS
    # The day that Anaplan is forgetting is fetched in hours: the hours that are left can still be compared.
    kept_from = limits.floor - limits.floor % HOUR_MS
    return [
        part
        for start, end in days
        for part in (split_hours(start, end) if kept_from <= start and end <= edge else [(start, end)])
    ]


def _groups(windows: Iterable[Window]) -> list[list[Window]]:
    """Groups adjoining complete windows of one day: one question about the whole is enough."""
    groups: list[list[Window]] = []
    for window in windows:
        if groups and _belong_together(groups[-1][-1], window):
            groups[-1].append(window)
        else:
            groups.append([window])
    return groups


def _is_due(window: Window, limits: Limits) -> bool:
    """Whether an incomplete window is fetched again: one that stays the same run after run only once a day."""
    if window.status != INCOMPLETE:
        return False
    return window.repeats < SETTLED_REPEATS or limits.now - window.checked_at >= DAY_MS


def _belong_together(first: Window, second: Window) -> bool:
    same_day = day_start(first.start) == day_start(second.start)
    return same_day and first.end == second.start and first.status == second.status == COMPLETE
