"""Which events a target has not been given yet.

An event counts as given when `forwarded_events` names it, whatever happens to the enriched tables. `event_days` tells
where to look: a load that brings a new event of a day, however late, changes the row of that day. Neither a rewrite of
the enriched tables nor a second fetch of known events does.
"""

from collections.abc import Iterator, Sequence
from datetime import date
from typing import Any, NamedTuple

import dlt
from dlt.destinations.exceptions import DatabaseUndefinedRelation
from sqlglot import exp

from pipelines.common.exit_codes import CONFIGURATION, PipelineError
from pipelines.common.names import command_line
from pipelines.export.siem.lines import COLUMNS, EMPTY, TABLE
from pipelines.transform.incremental import rows_of, utc_moment
from pipelines.transform.summaries import day_literal
from pipelines.warehouse.forward_tables import DAYS, EVENTS, TARGETS
from pipelines.warehouse.streaming import columns_of, stream

# Rows that are Python objects at the same time, and events that a killed run may send again.
CHUNK = 5_000


class DueDay(NamedTuple):
    """A day that may have events which were not sent. `loaded_at` is what marks it as done."""

    day: date
    loaded_at: str
    is_enriched: bool


class Datasets(NamedTuple):
    """The raw and the enriched dataset, and the one of the tables of this module."""

    raw: dlt.Dataset
    enriched: dlt.Dataset
    own: dlt.Dataset


class Cursor:
    """The position of one target."""

    def __init__(self, datasets: Datasets, target: str) -> None:
        self._datasets, self._target = datasets, target
        known = columns_of(datasets.enriched.schema, TABLE)
        self._columns = {name: known[name] for name in COLUMNS if name in known}

    def first_day(self) -> tuple[bool, date | None]:
        """Return whether the target was used before, and the first day whose events it gets."""
        query = f"select cast(first_day as date) as first_day from {TARGETS} where target = '{self._target}'"
        rows = self._own_rows(query)
        return bool(rows), rows[0][0] if rows else None

    def due_days(self, first_day: date | None) -> list[DueDay]:
        """Return the days whose events may not all have been sent, oldest first."""
        raw, enriched, _ = self._datasets
        done = dict(self._own_rows(f"select event_day, loaded_at from {DAYS} where target = '{self._target}'"))
        loads = rows_of(raw, "select event_day, cast(loaded_at as timestamptz) as loaded_at from event_days")
        loaded = {day: utc_moment(moment).isoformat() for day, moment in loads}
        due = sorted(day for day in loaded if done.get(day) != loaded[day] and (first_day is None or day >= first_day))
        if not due:
            return []
        events, facts = _sizes(raw, "events", due), _sizes(enriched, TABLE, due)
        return [DueDay(day, loaded[day], events.get(day, 0) == facts.get(day, 0)) for day in due]

    def count(self, day: date) -> int:
        """Return the number of events of a day that were not sent."""
        counted = exp.select(exp.cast(exp.Count(this=exp.Star()), "bigint").as_("number"))
        try:
            ((number,),) = rows_of(self._datasets.enriched, self._unsent(counted, day), self._datasets.own)
        except DatabaseUndefinedRelation:
            number = _sizes(self._datasets.enriched, TABLE, [day]).get(day, 0)
        return int(number)

    def chunks(self, day: date) -> Iterator[list[dict[str, Any]]]:
        """Yield the events of a day that were not sent, in the order of their ids."""
        last: int | None = None
        while rows := self._chunk(day, last):
            yield rows
            last = rows[-1]["event_id"]

    def _chunk(self, day: date, last: int | None) -> list[dict[str, Any]]:
        selected = exp.select(*(exp.column(name, "e").as_(name) for name in self._columns))
        query = self._unsent(selected, day).order_by(exp.column("event_id", "e").asc()).limit(CHUNK)
        if last is not None:
            query = query.where(exp.column("event_id", "e") > exp.convert(last))
        chunks = stream(self._datasets.enriched, query, self._columns, self._datasets.own)
        return [{**EMPTY, **row} for chunk in chunks for row in chunk.to_pylist()]

    def accepted(self, day: date, first: int, last: int) -> exp.Select:
        """Return the query of the rows of `forwarded_events` for the events between two ids that were not sent."""
        columns = (
            exp.cast(exp.Literal.string(self._target), "varchar").as_("target"),
            exp.column("event_day", "e").as_("event_day"),
            exp.column("event_id", "e").as_("event_id"),
        )
        between = exp.Between(this=exp.column("event_id", "e"), low=exp.convert(first), high=exp.convert(last))
        return self._unsent(exp.select(*columns), day).where(between)

    def _unsent(self, selected: exp.Select, day: date) -> exp.Select:
        sent = (
            exp.select(exp.column("event_id").as_("sent_id"))
            .from_(EVENTS)
            .where(exp.column("target").eq(exp.Literal.string(self._target)))
            .where(exp.column("event_day").eq(day_literal(day)))
            .subquery("s")
        )
        return (
            selected.from_(exp.alias_(exp.to_table(TABLE), "e", table=True))
            .join(sent, on=exp.column("event_id", "e").eq(exp.column("sent_id", "s")), join_type="left")
            .where(exp.column("event_day", "e").eq(day_literal(day)))
            .where(exp.column("sent_id", "s").is_(exp.null()))
        )

    def _own_rows(self, query: str) -> list[tuple[Any, ...]]:
        try:
            return rows_of(self._datasets.own, query)
        except DatabaseUndefinedRelation:
            return []


def check_enriched(enriched: dlt.Dataset) -> None:
    """Refuse to forward before the first enrichment.

    Raises:
        PipelineError: There are no enriched events yet.
    """
    if TABLE not in enriched.schema.tables:
        raise PipelineError(CONFIGURATION, f"the enriched tables are not built yet ({command_line('enrich')}).")


def _sizes(dataset: dlt.Dataset, table: str, days: Sequence[date]) -> dict[date, int]:
    number = exp.cast(exp.Count(this=exp.Star()), "bigint").as_("events")
    query = exp.select(exp.column("event_day").as_("event_day"), number).from_(table).group_by("event_day")
    return dict(rows_of(dataset, query.where(exp.column("event_day").isin(*map(day_literal, days)))))
