"""The ledger of one event type during one load: which windows are due, and their results.

It is kept in dlt's state and committed with the tables, so a killed run leaves neither. The next run begins where the
last complete one ended. It replaces `dlt.sources.incremental`, which drops rows before its cursor, where late-arriving
events are, and cannot tell a quiet month from a month that was never requested.
"""

from collections.abc import Iterator
from dataclasses import astuple, replace
from datetime import date, datetime, timezone
from typing import Any, NamedTuple

import pyarrow as pa

from ..extract_report import Changes, ReloadLimit, Run
from ..known import CountEvents, count_nothing
from ..records import Rows, table_of
from ..schema import EVENT_WINDOWS
from ..settings import AuditSettings
from .fetch import EventFetcher
from .plan import plan, plan_reload
from .retention_edge import partly_expired, parts_of
from .spans import DAY_MS, Span, day_start
from .windows import (
    COMPLETE,
    EXPIRED,
    INCOMPLETE,
    Limits,
    Window,
    compact_ledger,
    hours_of_next_edge,
    join,
    record,
    repair_future,
)


class Reload(NamedTuple):
    """A span to load (again), in epoch ms. None is an open end."""

    since: int | None
    until: int | None


class Ledger:
    """The windows of one event type during one load.

    Args:
        event_type (str): `type` of the audit API.
        stored (Dict[str, List[Any]]): The ledgers of all types in dlt's state, by type.
        limits (Limits): The times of this run.
        run (Run): Collects the findings.
        count_events (CountEvents): Counts the loaded events of this type.
    """

    def __init__(
        self,
        event_type: str,
        stored: dict[str, list[Any]],
        limits: Limits,
        run: Run,
        count_events: CountEvents = count_nothing,
    ) -> None:
        self.event_type, self.limits, self.run = event_type, limits, run
        self._count_events = count_events
        compacted = compact_ledger(from_state(stored.get(event_type, [])), limits)
        self.windows = repair_future(compacted, limits)
        # The rows of repaired days are written again.
        self.touched = {day_start(w.start) for w in set(compacted) ^ set(self.windows) if w.start < limits.end}
        if self.windows != compacted:
            run.notice("the ledger held windows that a clock ahead of Anaplan's had written: they are fetched again.")
        self.before = list(self.windows)
        self.grown: list[Span] = []
        # Total that a probe reported, by span, for windows that are fetched because of it.
        self._probed: dict[Span, int] = {}
        if event_type not in run.changes:
            before = self.windows or _windows_of_others(event_type, stored)
            run.changes[event_type] = Changes(before, is_first=not self.windows)
        self._changes = run.changes[event_type]

    def load(
        self, fetcher: EventFetcher, settings: AuditSettings, reload: Reload | None, budget: float
    ) -> Iterator[pa.Table]:
        """Yield the tables of every window that is due, until `budget` events have arrived."""
        if budget <= 0:
            self.run.unfinished = True
            return
        spans = self._due(fetcher, settings, reload)
        self.run.windows_due = self.run.windows + len(spans)
        self._changes.grown += self.grown
        before = {window.span: window for window in self.windows}
        for table, window in fetcher.fetch(self.event_type, spans, self.limits.now, self.run.leave_out, before):
            if table is not None:
                budget -= len(table)
                yield table
            elif window is not None:
                self.note(window)
                if budget <= 0 and window.end < spans[-1][1]:
                    self.run.unfinished = True
                    break
        self.run.new_events = sum(one.new_events() for one in self.run.changes.values())
        self.run.late_events = sum(one.late_events() for one in self.run.changes.values())

    def note(self, window: Window) -> None:
        """Record a fetched window, in the ledger and in the findings of the run."""
        self.run.windows += 1
        self._changes.fetched.append(window)
        if window.status == INCOMPLETE:
            self.run.incomplete.append(window)
        if window.distinct is None:
            # Nothing arrived: what earlier loads brought is still there.
            stored = (w.events_in_span for w in self.windows if window.start <= w.start and w.end <= window.end)
            window = replace(window, events_in_span=sum(stored))
        if window.distinct:
            self._changes.note_events_at(window.start)
        lost = [w for w in self.windows if w.status == EXPIRED and w.start < window.end and w.end > window.start]
        if lost and not window.distinct and not self._changes.retains(window.start):
            self._keep_expired(lost, was_fetched=window.distinct is not None)
            return
        total = self._probed.get(window.span)
        if window.status == COMPLETE and total not in (None, window.reported):
            window = replace(window, probed=total)
        self._record(window)

    def unchanged_days(self) -> set[date]:
        """Return the days of which only known events arrived, as in the overlap of a quiet hour.

        The counts of verified windows prove it, and for recent windows the digest of their contents.
        """
        before, now = _verified_events(self.before), _verified_events(self.windows)
        return {date_of(day) for day in self.touched if day in before and before[day] == now.get(day)}

    def to_state(self) -> list[Any]:
        """Return the windows as dlt's state keeps them."""
        return [list(astuple(window)) for window in self.windows]

    def to_table(self) -> pa.Table:
        """Return the rows of `event_windows` of every touched day. They replace the rows of that day."""
        windows = [window for window in self.windows if day_start(window.start) in self.touched]
        columns: dict[str, Any] = {
            "window_day": [date_of(window.start) for window in windows],
            "event_type": [self.event_type] * len(windows),
            "window_start": [window.start for window in windows],
            "window_end": [window.end for window in windows],
            "reported_events": [window.reported for window in windows],
            "distinct_events": [window.distinct for window in windows],
            "inside_events": [window.events_in_span for window in windows],
            "status": [window.status for window in windows],
            "checked_at": [window.checked_at for window in windows],
        }
        return table_of(EVENT_WINDOWS, Rows(columns, {}))

    def _due(self, fetcher: EventFetcher, settings: AuditSettings, reload: Reload | None) -> list[Span]:
        limits = self.limits
        self._divide_partly_expired(compares=settings.late_event_scan or reload is not None)
        if reload is not None:
            if reload.since is not None and reload.since < limits.floor:
                is_purged = limits.floor == limits.purged
                self.run.reload_limit = ReloadLimit(limits.floor, is_purged, settings.history_days)
            return plan_reload(self.windows, limits, reload.since, reload.until)
        due = plan(self.windows, limits)
        for lost in due.expired:
            self._record(lost)
            self.run.expired.append(lost)
        if settings.late_event_scan and due.probe:
            self._probe(fetcher, due.probe)
            due.fetch.extend([*self.grown, *self._divide_edge(fetcher)])
        return sorted(due.fetch)

    def _probe(self, fetcher: EventFetcher, groups: list[list[Window]]) -> None:
        """Find the spans whose total differs from the loaded one. The others count as verified again."""
        wholes = [join(group) for group in groups]
        totals = fetcher.totals(self.event_type, [whole.span for whole in wholes], self.run.leave_out)
        for whole, total in zip(wholes, totals, strict=True):
            if total:
                self._changes.note_events_at(whole.start)
        deletes = self._deletes_probed(wholes, totals)
        for group, whole, total in zip(groups, wholes, totals, strict=True):
            if total is not None and self._has_changed(whole, total, deletes):
                self.grown.append(whole.span)
                self._probed[whole.span] = total
            elif total is not None:
                for window in group:
                    self._record(replace(window, checked_at=self.limits.now))

    def _deletes_probed(self, wholes: list[Window], totals: list[int | None]) -> bool:
        """Return whether Anaplan deletes days that are probed, as it does if `history_days` is longer than it keeps.

        Then the oldest days are empty. A day is empty too if its events moved, but then other days hold them.
        """
        emptied = grown = 0
        for whole, total in zip(wholes, totals, strict=True):
            reported = whole.reported or 0
            if total == 0:
                emptied += reported
            elif total is not None:
                grown += max(total - reported, 0)
        return emptied > grown

    def _has_changed(self, whole: Window, total: int, deletes: bool) -> bool:
        """Return whether a total calls for another fetch. It may shrink because an event moved to another day.

        At the end of the retention, it shrinks because events expire. Another fetch would remove them from the ledger.

        Args:
            whole (Window): What was loaded of a span.
            total (int): How many events Anaplan reports of it now.
            deletes (bool): Anaplan deletes days that are probed: the end is where nothing older is left.
        """
        if total in (whole.reported or 0, whole.probed):
            return False
        expires = whole.start < self.limits.floor + 2 * DAY_MS
        if deletes and not self._changes.retains(whole.start - 1):
            expires = True
        return total > (whole.reported or 0) or not expires

    def _divide_edge(self, fetcher: EventFetcher) -> list[Span]:
        """Divide the day that expires next into hours, if their totals add up to what was loaded.

        Returns:
            List[Span]: The hours to fetch, if they hold more.
        """
        more: list[Span] = []
        for window, hours in hours_of_next_edge(self.windows, self.limits):
            if window.span in self.grown:
                continue
            totals = fetcher.totals(self.event_type, hours, self.run.leave_out)
            counts = [total for total in totals if total is not None]
            if len(counts) == len(hours) and sum(counts) == window.events_in_span:
                for (start, end), count in zip(hours, counts, strict=True):
                    self._record(Window(start, end, COMPLETE, count, count, count, self.limits.now))
            elif sum(counts) > window.events_in_span:
                # An event was stored since the day was probed, or one at the exact end of an hour is counted by two.
                self.grown.append(window.span)
                more += hours
        return more

    def _divide_partly_expired(self, compares: bool) -> None:
        """Divide days that are expiring: retained hours are compared, and what was never verified has expired."""
        for window, spans in partly_expired(self.windows, self.limits):
            if compares or window.status == INCOMPLETE:
                for part in parts_of(window, spans, self._count_events(spans)):
                    self._record(part)

    def _keep_expired(self, lost: list[Window], was_fetched: bool) -> None:
        """Leave windows lost. An empty answer proves nothing: it is the same after Anaplan has deleted the events."""
        for one in lost:
            self._record(replace(one, checked_at=self.limits.now, repeats=one.repeats + was_fetched))

    def _record(self, window: Window) -> None:
        self.windows = record(self.windows, window)
        self.touched.add(day_start(window.start))


def from_state(stored: list[Any]) -> list[Window]:
    """Return the windows of a ledger in dlt's state."""
    return [Window(*values) for values in stored]


def date_of(moment: int) -> date:
    """Return the UTC date of a moment (epoch ms)."""
    return datetime.fromtimestamp(moment / 1000, timezone.utc).date()


def _windows_of_others(event_type: str, stored: dict[str, list[Any]]) -> list[Window]:
    """Return the windows of other types that hold events of this one: `all` holds every type, the others none."""
    return [window for kind in stored if "all" in (kind, event_type) for window in from_state(stored[kind])]


def _verified_events(windows: list[Window]) -> dict[int, tuple[int, int]]:
    """Return count and digest of the events of each day (epoch ms) whose windows are all verified."""
    found: dict[int, tuple[int, int] | None] = {}
    for window in windows:
        day = day_start(window.start)
        known = found.get(day, (0, 0))
        verified = known is not None and window.status == COMPLETE
        found[day] = (known[0] + window.events_in_span, known[1] + window.digest) if known and verified else None
    return {day: number for day, number in found.items() if number is not None}
