"""What `forward` would send, without sending or writing anything."""

from collections.abc import Sequence
from datetime import date
from typing import Any, NamedTuple

import dlt
from dlt.common.destination.exceptions import DestinationUndefinedEntity
from dlt.destinations.exceptions import DatabaseUndefinedRelation

from pipelines.common.forwarding import TargetSettings
from pipelines.common.names import ENRICH_NAME, LOAD_NAME, dataset_name
from pipelines.warehouse.forward_tables import ForwardTables
from pipelines.warehouse.reader import no_tables, open_destination

from .cursor import Cursor, Datasets, check_enriched
from .sender import begin


class Preview(NamedTuple):
    """What a target would be given: the number of events, of how many days, and the first and the last day."""

    target: str
    events: int
    days: int
    first: date | None
    last: date | None


def preview(targets: Sequence[TargetSettings], since: date | None, wait: float) -> list[Preview]:
    """Return what each target would be given. If a run has the DuckDB file open, wait for `wait` seconds at most.

    Raises:
        PipelineError: The database cannot be read, or has no enriched tables, or `since` does not fit.
    """
    with open_destination(wait) as destination:
        datasets = _datasets(destination)
        return [_preview(Cursor(datasets, one.name), one, since) for one in targets]


def _datasets(destination: Any) -> Datasets:
    if destination is None:
        raise no_tables()
    raw, enriched = (dlt.dataset(destination, dataset_name(name)) for name in (LOAD_NAME, ENRICH_NAME))
    try:
        check_enriched(enriched)
    except (DatabaseUndefinedRelation, DestinationUndefinedEntity):
        raise no_tables() from None
    return Datasets(raw, enriched, ForwardTables(destination, dataset_name(LOAD_NAME)).dataset)


def _preview(cursor: Cursor, settings: TargetSettings, since: date | None) -> Preview:
    _, first_day = begin(cursor, settings, since)
    counts = {due.day: cursor.count(due.day) for due in cursor.due_days(first_day)}
    days = [day for day, number in counts.items() if number]
    return Preview(settings.name, sum(counts.values()), len(days), min(days, default=None), max(days, default=None))
