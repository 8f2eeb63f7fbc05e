"""Sends to each target the events that it was not given yet, and records what it accepted.

Events are recorded after the target has accepted them. A run that is killed in between sends at most `CHUNK` of them
again; an error between two requests loses and repeats none.
"""

from collections.abc import Sequence
from datetime import date
from functools import partial
from typing import NamedTuple

from pipelines.common.exit_codes import CONFIGURATION, PipelineError
from pipelines.common.forwarding import TargetSettings
from pipelines.export.siem.classes import EventClasses
from pipelines.export.siem.lines import EventLines, read_classes
from pipelines.warehouse.forward_tables import ForwardTables
from pipelines.warehouse.pipelines import Pipelines

from .cursor import Cursor, Datasets, DueDay, check_enriched
from .errors import TargetError, send_with_retries
from .lines import batches, lines_of
from .targets import Target, open_target


class Forwarded(NamedTuple):
    """What a target was given: the number of events, and why it was not given the rest."""

    target: str
    events: int
    error: str = ""


def forward(pipelines: Pipelines, targets: Sequence[TargetSettings], since: date | None = None) -> list[Forwarded]:
    """Send to each target what is new. One that fails stops no other.

    Args:
        since (date): First UTC day whose events the targets get, permanently.

    Raises:
        PipelineError: The tables are not built yet, or a target already gets earlier events than those since `since`.
    """
    # The schema is that of the destination after the enrichment of this run.
    enriched = pipelines.enriched.dataset()
    check_enriched(enriched)
    tables = ForwardTables(pipelines.raw.destination, pipelines.raw.dataset_name)
    tables.create()
    datasets = Datasets(pipelines.raw.dataset(), enriched, tables.dataset)
    classes = read_classes(enriched)
    firsts = {one.name: begin(Cursor(datasets, one.name), one, since) for one in targets}
    for name, (is_new, first) in firsts.items():
        if is_new:
            tables.set_target(name, first)
    return [_Sender(one, datasets, tables, classes).run(firsts[one.name][1]) for one in targets]


def begin(cursor: Cursor, settings: TargetSettings, since: date | None) -> tuple[bool, date | None]:
    """Return the first day whose events a target gets, and whether that has to be recorded.

    Raises:
        PipelineError: The target already gets earlier events.
    """
    is_known, first = cursor.first_day()
    if not is_known:
        return True, since or settings.since
    if since is not None and (first is None or since > first):
        raise PipelineError(
            CONFIGURATION,
            f"--since {since}: target `{settings.name}` gets all events{f' since {first}' if first else ''} already. "
            "Give an earlier day, or leave out --since.",
        )
    return since is not None and since != first, since or first


class _Sender:
    def __init__(
        self, settings: TargetSettings, datasets: Datasets, tables: ForwardTables, classes: EventClasses
    ) -> None:
        self._settings, self._datasets, self._tables = settings, datasets, tables
        self._cursor = Cursor(datasets, settings.name)
        self._lines = EventLines(settings.file_format, classes)
        self._sent = 0

    def run(self, first_day: date | None) -> Forwarded:
        """Send the events of all due days."""
        try:
            days = self._cursor.due_days(first_day)
            if days:
                with open_target(self._settings) as target:
                    for day in days:
                        self._send_day(target, day)
        except TargetError as error:
            return Forwarded(self._settings.name, self._sent, str(error))
        return Forwarded(self._settings.name, self._sent)

    def _send_day(self, target: Target, due: DueDay) -> None:
        for rows in self._cursor.chunks(due.day):
            accepted: int | None = None
            try:
                for batch in batches(lines_of(rows, self._lines), target.most_lines, target.most_bytes):
                    send_with_retries(partial(target.send, batch))
                    accepted = batch[-1].event_id
                    self._sent += len(batch)
            finally:
                if accepted is not None:
                    query = self._cursor.accepted(due.day, rows[0]["event_id"], accepted)
                    self._tables.add_events(query, self._datasets.enriched)
        if due.is_enriched:
            self._tables.set_day(self._settings.name, due.day, due.loaded_at)
