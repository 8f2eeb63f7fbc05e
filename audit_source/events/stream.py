"""The event log as a stream of batches: plans the windows, fetches them, and keeps the ledgers in dlt's state."""

from collections.abc import Callable, Iterator
from datetime import date
from typing import Any

import dlt
import pyarrow as pa
import pyarrow.compute as pc

from ..drift import EventDrift, new_drift
from ..extract_report import Run
from ..known import NOTHING_KNOWN, Known, count_nothing
from ..privacy.masking import Privacy
from ..records import Rows, table_of
from ..schema import EVENT_DAYS, EVENT_WINDOWS, EVENTS
from ..settings import AuditSettings
from ..table_resources import Batch
from ..tenant_guard import TenantGuard
from .fetch import EventFetcher
from .ledger import Ledger, Reload
from .spans import DAY_MS, MINUTE_MS
from .windows import Limits

ROWS_WRITTEN_TOGETHER = 20_000
# A few events may carry another tenant's id. This many prove another tenant, without the list of users.
FOREIGN_EVENTS = 10
TABLES = (EVENTS, EVENT_WINDOWS, EVENT_DAYS)


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
    """Yield the batches of one load: events, then their windows, and the days they touched.

    Args:
        now (int): Epoch ms. Used if the run has no `started_at` yet.
        confirm_tenant (Callable): Raises unless the account belongs to the known tenant. Called if the few events of
            the load name another one.

    Raises:
        ConfigurationError: The events belong to another tenant than those in the destination.
    """
    run.unfinished = False
    run.started_at = run.started_at or now
    state = dlt.current.resource_state(EVENTS.name)
    limits = _limits(run.started_at, settings, state, known)
    ledgers: dict[str, list[Any]] = state.setdefault("windows", {})
    days: set[date] = set()
    filled: set[str] = set()
    events = _EventBatches(run, state, privacy, known)
    budget = settings.events_per_load or float("inf")
    for event_type in settings.requested_types:
        # Rows do not record the type that they were requested under.
        count_events = known.count_events if event_type == "all" else count_nothing
        ledger = Ledger(event_type, ledgers, limits, run, count_events)
        events.days = set()
        for table in _together(ledger.load(fetcher, settings, reload, budget)):
            budget -= len(table)
            for new in events.new_rows(table):
                filled.add(EVENTS.name)
                yield EVENTS.name, new
        # A reload may load differently: with another `privacy`, for example. So its days always count.
        days |= events.days if reload is not None else events.days - ledger.unchanged_days()
        ledgers[event_type] = ledger.to_state()
        if ledger.touched:
            filled.add(EVENT_WINDOWS.name)
            yield EVENT_WINDOWS.name, ledger.to_table()
    if events.tenant.is_doubtful:
        confirm_tenant()
    if days:
        filled.add(EVENT_DAYS.name)
        yield EVENT_DAYS.name, _days_table(sorted(days), limits.now, known, state)
    created: list[str] = state.setdefault("tables", [])
    for one in TABLES:
        if one.name not in filled and one.name not in created:
            yield one.name, None
    state["tables"] = [one.name for one in TABLES]
    run.drift |= new_drift(events.drift.found(run.new_columns), state)


class _EventBatches:
    """The event tables of one load: checked for the tenant, without repeated ids, watched for drift, and masked."""

    def __init__(self, run: Run, state: Any, privacy: Privacy | None, known: Known) -> None:
        self.tenant = TenantGuard("tenantId", state, known.tenant_id, least=FOREIGN_EVENTS)
        self.drift = EventDrift()
        # The days of the new events since this was last emptied.
        self.days: set[date] = set()
        self._privacy = privacy
        self._seen: set[int] = set()

    def new_rows(self, table: pa.Table) -> Iterator[pa.Table]:
        """Yield the events of a table that are new in this load, if there are any.

        Raises:
            ConfigurationError: The events belong to another tenant.
        """
        self.tenant.check(table["tenant_id"])
        table = unseen_rows(table, self._seen)
        if len(table):
            self.days.update(pc.unique(table["event_day"]).to_pylist())
            self.drift.watch(table)
            yield table if self._privacy is None else self._privacy.events(table)


def unseen_rows(table: pa.Table, seen: set[int]) -> pa.Table:
    """Return the rows whose id is new in this load, and add their ids to `seen`.

    Ids repeat in pages that are fetched again, and in two adjoining windows.
    """
    fresh = []
    for number in table["id"].to_pylist():
        fresh.append(number not in seen)
        seen.add(number)
    return table if all(fresh) else table.filter(pa.array(fresh))


def _limits(now: int, settings: AuditSettings, state: Any, known: Known) -> Limits:
    return Limits(
        now,
        settings.history_days * DAY_MS,
        settings.overlap_minutes * MINUTE_MS,
        settings.safety_lag_seconds * 1000,
        # A restored state may be older than the purge.
        max(state.get("purged_before", 0), known.purged_before),
    )


def _together(tables: Iterator[pa.Table]) -> Iterator[pa.Table]:
    """Yield small tables joined: each table costs dlt some milliseconds, and DuckDB prefers large row groups."""
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


def _days_table(days: list[date], now: int, known: Known, state: Any) -> pa.Table:
    # Later than every earlier stamp, even if a clock was ahead: the enrichment looks for newer stamps only.
    loaded_at = max(now, known.newest_stamp + 1, state.get("loaded_at", 0) + 1)
    state["loaded_at"] = loaded_at
    return table_of(EVENT_DAYS, Rows({"event_day": days, "loaded_at": [loaded_at] * len(days)}, {}))
