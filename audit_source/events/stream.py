"""The event log as a stream: plans the windows, fetches them, and keeps the ledger in dlt's state.

State and tables are committed by the same load, so a run that dies leaves neither, and the next one begins where
the last complete one ended. The ledger is no `dlt.sources.incremental`: that drops the rows of late events, which
lie before its cursor, and cannot tell a quiet month from a month that nobody asked about.
"""

from collections.abc import Callable, Iterator
from dataclasses import astuple, replace
from datetime import datetime, timezone
from typing import Any, NamedTuple

import dlt
import pyarrow as pa
import pyarrow.compute as pc

from ..drift import EventDrift, untold
from ..extract_report import Changes, Run
from ..known import NOTHING_KNOWN, Known
from ..privacy.masking import Privacy
from ..records import Rows, table_of
from ..schema import EVENT_DAYS, EVENT_WINDOWS, EVENTS
from ..settings import AuditSettings
from ..tenant import TenantGuard
from .fetch import EventFetcher
from .windows import (
    COMPLETE,
    DAY_MS,
    INCOMPLETE,
    MINUTE_MS,
    Limits,
    Span,
    Window,
    day_start,
    hours_of_next_edge,
    join,
    plan,
    plan_reload,
    record,
    repair_future,
    settle,
)

# Name of a table, and rows for it; None makes the table without a row.
Batch = tuple[str, pa.Table | None]

ROWS_WRITTEN_TOGETHER = 20_000
# A few events may carry another tenant's id. The list of users tells the tenant of the account besides.
FOREIGN_EVENTS = 10
TABLES = (EVENTS, EVENT_WINDOWS, EVENT_DAYS)


class Reload(NamedTuple):
    """A span to load (again), in epoch ms; None is an open end."""

    since: int | None
    until: int | None


def read_log(
    fetcher: EventFetcher,
    settings: AuditSettings,
    run: Run,
    now: int,
    reload: Reload | None,
    privacy: Privacy | None = None,
    known: Known = NOTHING_KNOWN,
    confirm_tenant: Callable[[], None] = lambda: None,
) -> Iterator[Batch]:
    """Yield the batches of one load: events, then the windows they came from and the days they touched.

    Raises:
        ConfigurationError: The events belong to another tenant than those in the destination.
    """
    run.unfinished = False
    run.started_at = run.started_at or now
    state = dlt.current.resource_state(EVENTS.name)
    limits = Limits(
        run.started_at,
        settings.history_days * DAY_MS,
        settings.overlap_minutes * MINUTE_MS,
        settings.safety_lag_seconds * 1000,
        # A restored state may be older than the purge.
        max(state.get("purged_before", 0), known.purged_before),
    )
    ledgers: dict[str, list[Any]] = state.setdefault("windows", {})
    made: list[str] = state.setdefault("tables", [])
    days: set[Any] = set()
    seen: set[int] = set()
    filled: set[str] = set()
    drift = EventDrift()
    tenant = TenantGuard("tenantId", state, known.tenant_id, least=FOREIGN_EVENTS)
    budget = settings.events_per_load or float("inf")
    for event_type in settings.requested_types:
        ledger = _Ledger(event_type, ledgers.get(event_type, []), limits, run)
        if event_type not in run.changes:
            run.changes[event_type] = Changes(
                ledger.windows or _held_by_others(event_type, ledgers), is_first=not ledger.windows
            )
        arrived: set[Any] = set()
        for table in _together(ledger.load(fetcher, settings, reload, budget)):
            budget -= len(table)
            tenant.check(table["tenant_id"])
            table = _unseen(table, seen)
            arrived.update(pc.unique(table["event_day"]).to_pylist())
            if len(table):
                drift.watch(table)
                filled.add(EVENTS.name)
                yield EVENTS.name, table if privacy is None else privacy.events(table)
        # What is loaded again on purpose may be loaded otherwise: with another `privacy`, say.
        days |= arrived if reload is not None else arrived - ledger.unchanged_days()
        ledgers[event_type] = ledger.to_state()
        if ledger.touched:
            filled.add(EVENT_WINDOWS.name)
            yield EVENT_WINDOWS.name, ledger.to_table()
    if tenant.is_doubtful:
        confirm_tenant()
    if days:
        filled.add(EVENT_DAYS.name)
        # Later than every stamp before, also where a clock was ahead: the enrichment looks for newer ones only.
        loaded_at = max(limits.now, known.newest_stamp + 1, state.get("loaded_at", 0) + 1)
        state["loaded_at"] = loaded_at
        yield EVENT_DAYS.name, _days_table(sorted(days), loaded_at)
    for table in TABLES:
        if table.name not in filled and table.name not in made:
            yield table.name, None
    state["tables"] = [table.name for table in TABLES]
    run.drift |= untold(drift.found(run.new_columns), state)


class _Ledger:
    """The windows of one event type during one load."""

    def __init__(self, event_type: str, stored: list[Any], limits: Limits, run: Run) -> None:
        self.event_type, self.limits, self.run = event_type, limits, run
        settled = settle([Window(*values) for values in stored], limits)
        self.windows = repair_future(settled, limits)
        # The rows of repaired days are written again.
        self.touched = {day_start(w.start) for w in set(settled) ^ set(self.windows) if w.start < limits.end}
        if self.windows != settled:
            run.notice("the ledger held windows that a clock ahead of Anaplan's had written: they are fetched again.")
        self.before = list(self.windows)
        self.grown: list[Span] = []
        # By span: the total that a probe reported, for windows that are fetched because of it.
        self.probed: dict[Span, int] = {}

    def load(
        self, fetcher: EventFetcher, settings: AuditSettings, reload: Reload | None, budget: float
    ) -> Iterator[pa.Table]:
        """Yields the tables of every window that is due, until `budget` events have come."""
        if budget <= 0:
            self.run.unfinished = True
            return
        spans = self._due(fetcher, settings, reload)
        self.run.windows_due = self.run.windows + len(spans)
        changes = self.run.changes[self.event_type]
        changes.grown += self.grown
        before = {(window.start, window.end): window for window in self.windows}
        for table, window in fetcher.fetch(self.event_type, spans, self.limits.now, self.run.leave_out, before):
            if table is not None:
                budget -= len(table)
                yield table
            elif window is not None:
                self._note(window)
                changes.fetched.append(window)
                if budget <= 0 and window.end < spans[-1][1]:
                    self.run.unfinished = True
                    break
        self.run.new_events = sum(one.new_events() for one in self.run.changes.values())
        self.run.late_events = sum(one.late_events() for one in self.run.changes.values())

    def unchanged_days(self) -> set[Any]:
        """Returns the days of which nothing came but what was there, as in the overlap of a quiet hour.

        The counts of verified windows tell, and for recent ones a digest of what they hold.
        """
        before, now = _verified_events(self.before), _verified_events(self.windows)
        return {_date(day) for day in self.touched if day in before and before[day] == now.get(day)}

    def to_state(self) -> list[Any]:
        return [list(astuple(window)) for window in self.windows]

    def to_table(self) -> pa.Table:
        """Returns the rows of every day that was touched, which replace those of that day."""
        windows = [window for window in self.windows if day_start(window.start) in self.touched]
        columns: dict[str, Any] = {
            "window_day": [_date(window.start) for window in windows],
            "event_type": [self.event_type] * len(windows),
            "window_start": [window.start for window in windows],
            "window_end": [window.end for window in windows],
            "reported_events": [window.reported for window in windows],
            "distinct_events": [window.distinct for window in windows],
            "inside_events": [window.inside for window in windows],
            "status": [window.status for window in windows],
            "checked_at": [window.checked_at for window in windows],
        }
        return table_of(EVENT_WINDOWS, Rows(columns, {}))

    def _due(self, fetcher: EventFetcher, settings: AuditSettings, reload: Reload | None) -> list[Span]:
        if reload is not None:
            if reload.since is not None and reload.since < self.limits.floor:
                self.run.notice(_why_not_before(self.limits, settings.history_days))
            return plan_reload(self.windows, self.limits, *reload)
        todo = plan(self.windows, self.limits)
        for lost in todo.expired:
            self._put(lost)
            self.run.expired.append(lost)
        if settings.late_event_scan and todo.probe:
            self._probe(fetcher, todo.probe)
            self._divide_edge(fetcher)
        return sorted([*todo.fetch, *self.grown])

    def _probe(self, fetcher: EventFetcher, groups: list[list[Window]]) -> None:
        """Find the spans whose total differs from what was loaded; the others count as verified again."""
        wholes = [join(group) for group in groups]
        spans = [(whole.start, whole.end) for whole in wholes]
        totals = fetcher.totals(self.event_type, spans, self.run.leave_out)
        for group, whole, span, total in zip(groups, wholes, spans, totals, strict=True):
            if total is not None and self._has_changed(whole, total):
                self.grown.append(span)
                self.probed[span] = total
            elif total is not None:
                for window in group:
                    self._put(replace(window, checked_at=self.limits.now))

    def _has_changed(self, whole: Window, total: int) -> bool:
        """Whether a total calls for another fetch. It may shrink where an event was moved to another day.

        Near the retention it shrinks because Anaplan forgets: fetched again, the ledger would forget too.
        """
        if total in (whole.reported or 0, whole.probed):
            return False
        return total > (whole.reported or 0) or whole.start >= self.limits.floor + 2 * DAY_MS

    def _divide_edge(self, fetcher: EventFetcher) -> None:
        """Divide the day that Anaplan forgets next into hours, where their totals add up to what was loaded."""
        for window, hours in hours_of_next_edge(self.windows, self.limits):
            if (window.start, window.end) in self.grown:
                continue
            totals = fetcher.totals(self.event_type, hours, self.run.leave_out)
            counts = [total for total in totals if total is not None]
            # More than the whole where an event lies exactly at the end of an hour and is counted by two.
            if len(counts) == len(hours) and sum(counts) >= window.inside:
                for (start, end), count in zip(hours, counts, strict=True):
                    self._put(Window(start, end, COMPLETE, count, count, count, self.limits.now))

    def _note(self, window: Window) -> None:
        self.run.windows += 1
        if window.status == INCOMPLETE:
            self.run.incomplete.append(window)
        if window.distinct is None:
            # Nothing of it arrived: what earlier loads brought is still there.
            held = (one.inside for one in self.windows if window.start <= one.start and one.end <= window.end)
            window = replace(window, inside=sum(held))
        total = self.probed.get((window.start, window.end))
        if window.status == COMPLETE and total not in (None, window.reported):
            window = replace(window, probed=total)
        self._put(window)

    def _put(self, window: Window) -> None:
        self.windows = record(self.windows, window)
        self.touched.add(day_start(window.start))


def _held_by_others(event_type: str, ledgers: dict[str, list[Any]]) -> list[Window]:
    """Return the windows of other types that hold events of this one: `all` holds every type, the others none."""
    kinds = [kind for kind in ledgers if "all" in (kind, event_type)]
    return [Window(*values) for kind in kinds for values in ledgers[kind]]


def _why_not_before(limits: Limits, history_days: int) -> str:
    """Return why nothing before the floor is asked for: it was purged, or Anaplan keeps it no longer."""
    floor = f"{datetime.fromtimestamp(limits.floor / 1000, timezone.utc):%Y-%m-%d %H:%M} UTC"
    if limits.floor == limits.purged:
        return f"--since: the days before {floor} were purged. They are not loaded again."
    return f"--since: Anaplan keeps {history_days} days (setting `history_days`). Nothing before {floor} is asked for."


def _together(tables: Iterator[pa.Table]) -> Iterator[pa.Table]:
    """Joins small tables: every table costs dlt some milliseconds, and DuckDB likes large row groups."""
    waiting: list[pa.Table] = []
    for table in tables:
        if waiting and (
            table.schema != waiting[0].schema or len(table) + sum(map(len, waiting)) > ROWS_WRITTEN_TOGETHER
        ):
            yield pa.concat_tables(waiting)
            waiting.clear()
        waiting.append(table)
    if waiting:
        yield pa.concat_tables(waiting)


def _unseen(table: pa.Table, seen: set[int]) -> pa.Table:
    """Returns the rows whose id has not come before in this load: of pages fetched again, or of two windows."""
    fresh = []
    for number in table["id"].to_pylist():
        fresh.append(number not in seen)
        seen.add(number)
    return table if all(fresh) else table.filter(pa.array(fresh))


def _verified_events(windows: list[Window]) -> dict[int, tuple[int, int]]:
    """Return number and digest of the events of each day (epoch ms) of which every window is verified."""
    found: dict[int, tuple[int, int] | None] = {}
    for window in windows:
        day = day_start(window.start)
        known = found.get(day, (0, 0))
        verified = known is not None and window.status == COMPLETE
        found[day] = (known[0] + window.inside, known[1] + window.digest) if known and verified else None
    return {day: number for day, number in found.items() if number is not None}


def _days_table(days: list[Any], now: int) -> pa.Table:
    return table_of(EVENT_DAYS, Rows({"event_day": days, "loaded_at": [now] * len(days)}, {}))


def _date(moment: int) -> Any:
    return datetime.fromtimestamp(moment / 1000, timezone.utc).date()
