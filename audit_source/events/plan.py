"""Which spans a run fetches and probes, as pure functions over the ledger: times are epoch ms (UTC)."""

from collections.abc import Iterable
from dataclasses import replace
from typing import NamedTuple

from .spans import (
    DAY_MS,
    HOUR_MS,
    MINUTE_MS,
    Span,
    day_start,
    merge_adjoining,
    split_at,
    split_days,
    split_hours,
    subtract,
)
from .windows import COMPLETE, EXPIRED, INCOMPLETE, Limits, Window, can_join

# An incomplete window with the same numbers in so many runs is fetched once a day only.
SETTLED_REPEATS = 3
# Length of a window whose events expire while it is fetched.
EDGE_MS = 10 * MINUTE_MS


class Plan(NamedTuple):
    """What a run has to do.

    Attributes:
        fetch (List[Span]): Spans to fetch, oldest first.
        probe (List[List[Window]]): Groups of verified windows whose totals to compare.
        expired (List[Window]): Windows that are permanently lost.
    """

    fetch: list[Span]
    probe: list[list[Window]]
    expired: list[Window]


def plan(ledger: list[Window], limits: Limits) -> Plan:
    """Return what is due. Windows checked at `limits.now` or later are done for this run.

    To fetch: spans without a window, incomplete windows, windows that end within the overlap, and expired ones that a
    longer `history_days` includes. To probe: every other group of complete windows that Anaplan retains. Expired: spans
    without a complete window that Anaplan no longer retains.
    """
    if not ledger:
        return Plan(_cut([(day_start(limits.floor), limits.end)], limits), [], [])
    uncovered = subtract([(min(ledger[0].start, limits.floor), limits.end)], [w.span for w in ledger])
    retained = [w.span for w in ledger if _may_be_retained(w, limits)]
    open_windows = [w for w in ledger if w.status != EXPIRED and w.end > limits.floor and w.checked_at < limits.now]
    settled_before = max(w.end for w in ledger) - limits.overlap
    again = [w for w in open_windows if _is_due(w, limits) or w.end > settled_before]
    # The total of a window that has partly expired proves nothing: such days are divided into hours.
    probed = [w for w in open_windows if w not in again and w.status == COMPLETE and w.start >= limits.floor]
    fetch = subtract(uncovered, [(0, limits.floor)]) + retained + [w.span for w in again]
    return Plan(_cut(fetch, limits), _groups(probed), _expired(ledger, uncovered, limits))


def plan_reload(ledger: list[Window], limits: Limits, since: int | None, until: int | None) -> list[Span]:
    """Return the spans to fetch for [since, until), as whole windows, so that the ledger keeps its edges.

    The start is clamped to the retention: fetching expired days again would overwrite verified windows with empty ones.
    The end is clamped to the end of the run.
    """
    start = limits.floor if since is None else max(since, limits.floor)
    end = limits.end if until is None else min(until, limits.end)
    touched = [w.span for w in ledger if w.start >= limits.floor and w.start < end and w.end > start]
    done = [w.span for w in ledger if w.checked_at >= limits.now]
    wanted = subtract([(start, end)] if start < end else [], [w.span for w in ledger])
    return _cut(subtract(wanted + touched, done), limits)


def _expired(ledger: list[Window], uncovered: list[Span], limits: Limits) -> list[Window]:
    lost = [(start, min(end, limits.floor)) for start, end in uncovered if start < limits.floor]
    expired = [Window(start, end, EXPIRED, checked_at=limits.now) for start, end in split_days(lost)]
    return expired + [
        replace(w, status=EXPIRED, checked_at=limits.now)
        for w in ledger
        if w.status == INCOMPLETE and w.end <= limits.floor
    ]


def _may_be_retained(window: Window, limits: Limits) -> bool:
    """Return whether an expired window is fetched after all: at once, and once a day if it turned out empty.

    The setting may have been shorter than the retention of the tenant's edition.
    """
    is_in_reach = window.status == EXPIRED and window.start >= limits.floor and window.checked_at < limits.now
    return is_in_reach and (not window.repeats or limits.now - window.checked_at >= DAY_MS)


def _is_due(window: Window, limits: Limits) -> bool:
    """Return whether a window is incomplete and fetched again. One with unchanging numbers is due once a day."""
    if window.status != INCOMPLETE:
        return False
    return window.repeats < SETTLED_REPEATS or limits.now - window.checked_at >= DAY_MS


def _cut(spans: Iterable[Span], limits: Limits) -> list[Span]:
    """Return merged spans, cut at midnights, at the retention's edge, and one overlap before the end.

    The next run begins at that last cut, so it fetches the overlap again and not the whole day.
    """
    merged = merge_adjoining((start, min(end, limits.end)) for start, end in spans if start < limits.end)
    pieces = split_at(merged, limits.end - limits.overlap)
    if any(start < limits.floor for start, _ in pieces):
        # This part expires right now: it shrinks during pagination, so its window is short.
        pieces = split_at(pieces, limits.floor + EDGE_MS)
    edge_day_end = day_start(limits.floor) + DAY_MS
    kept_from = limits.floor - limits.floor % HOUR_MS
    # The day that is expiring is fetched in hours: the retained hours can still be compared.
    return [
        part
        for start, end in split_days(pieces)
        for part in (split_hours(start, end) if kept_from <= start and end <= edge_day_end else [(start, end)])
    ]


def _groups(windows: Iterable[Window]) -> list[list[Window]]:
    """Return adjoining complete windows of one day in groups: one probe for each group is enough."""
    groups: list[list[Window]] = []
    for window in windows:
        if groups and can_join(groups[-1][-1], window):
            groups[-1].append(window)
        else:
            groups.append([window])
    return groups
