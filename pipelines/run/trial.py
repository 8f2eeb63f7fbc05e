"""Try the configured destination with ten made-up events, in two datasets of its own that are removed at the end.

The steps are those of real runs: the same lock, loads, models, checks and deletions.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from statistics import median
from typing import Any

from audit_source.trial import DAYS, EVENTS_A_DAY, NAMES, USER, trial
from pipelines.common.exit_codes import CHECK_FAILED, FAILED, PipelineError
from pipelines.transform.checks import check
from pipelines.transform.runner import enrich
from pipelines.warehouse.dlt_internals import counted_statements
from pipelines.warehouse.pipelines import Pipelines, open_pipelines

from .purge import purge

PROBES = 5
# What a run does in an hour with new events.
HOURLY = ("load a late event", "enrich two days", "check")
_VERSIONS = ("SELECT version()", "SELECT current_version()")


@dataclass(frozen=True)
class Step:
    """What a step did, how long it took (seconds), and how many statements were sent for it."""

    name: str
    result: str
    seconds: float
    statements: int


@dataclass
class Trial:
    """The version of the destination, the time of a statement that reads nothing (seconds), and the steps so far."""

    version: str = "unknown"
    statement_seconds: float = 0.0
    steps: list[Step] = field(default_factory=list)

    @property
    def hourly(self) -> list[Step]:
        """The steps of a run in an hour with new events."""
        return [step for step in self.steps if step.name in HOURLY]


def try_destination(shown: Callable[[Step], None]) -> Trial:
    """Create, load, enrich, check, read and remove ten events, and return how that went.

    Args:
        shown (Callable): Called with each step when it has ended.

    Raises:
        PipelineError: The destination returned other rows than were loaded.
    """
    found = Trial()
    with ExitStack() as stack:
        with _timed(found, shown, "open") as note:
            pipelines = stack.enter_context(open_pipelines())
            found.version = _version(pipelines)
            note(f"{pipelines.engine.name} {found.version}")
        found.statement_seconds = _statement_seconds(pipelines)
        # What a trial that was killed has left.
        _remove(pipelines)
        try:
            _try_steps(pipelines, found, shown)
        finally:
            with _timed(found, shown, "remove", pipelines) as note:
                _remove(pipelines)
                note("the two datasets are gone")
    return found


def _try_steps(pipelines: Pipelines, found: Trial, shown: Callable[[Step], None]) -> None:
    events = len(DAYS) * EVENTS_A_DAY
    with _timed(found, shown, "create and load", pipelines) as note:
        pipelines.raw.run(trial(0), loader_file_format=pipelines.file_format)
        note(f"{events} events, {len(pipelines.raw.default_schema.data_table_names())} tables")
    with _timed(found, shown, "enrich all days", pipelines) as note:
        note(enrich(pipelines.enriched, pipelines.raw).line())
    with _timed(found, shown, HOURLY[0], pipelines) as note:
        pipelines.raw.run(trial(1), loader_file_format=pipelines.file_format)
        note("1 event, 1 user renamed")
    with _timed(found, shown, HOURLY[1], pipelines) as note:
        note(enrich(pipelines.enriched, pipelines.raw).line())
    with _timed(found, shown, HOURLY[2], pipelines) as note:
        results = check(pipelines.enriched, pipelines.raw)
        failed = [result.name for result in results if not result.passed]
        if failed:
            raise PipelineError(CHECK_FAILED, f"checks failed on the events of the trial: {', '.join(failed)}.")
        note(f"{len(results)} checks passed")
    with _timed(found, shown, "read", pipelines) as note:
        _compare(_rows(pipelines, "fct_events", "count(*)"), [(events + 1,)])
        names = _rows(pipelines, "dim_users", "first_name", f"user_id = '{USER}'")
        _compare(sorted(names), sorted((name,) for name in NAMES))
        note("every row as it was loaded")
    with _timed(found, shown, "delete", pipelines) as note:
        purge(pipelines, DAYS[1], {"events": EVENTS_A_DAY}, [])
        _compare(_rows(pipelines, "fct_events", "count(*)"), [(EVENTS_A_DAY + 1,)])
        note(f"{EVENTS_A_DAY} events of one day")


def _rows(pipelines: Pipelines, table: str, selected: str, condition: str = "1 = 1") -> list[tuple[Any, ...]]:
    with pipelines.enriched.sql_client() as client:
        name = client.make_qualified_table_name(table)
        return [tuple(row) for row in client.execute_sql(f"SELECT {selected} FROM {name} WHERE {condition}") or []]


def _compare(found: list[tuple[Any, ...]], expected: list[tuple[Any, ...]]) -> None:
    if found != expected:
        raise PipelineError(
            FAILED, f"the destination returned {found!r} for rows that were loaded as {expected!r}. Do not use it."
        )


def _remove(pipelines: Pipelines) -> None:
    """Remove both datasets with their staging datasets."""
    for pipeline in (pipelines.enriched, pipelines.raw):
        with pipeline.destination_client() as client:
            if client.is_storage_initialized():
                client.drop_storage()
        pipeline.drop()


def _version(pipelines: Pipelines) -> str:
    for query in _VERSIONS:
        with suppress(Exception), pipelines.raw.sql_client() as client:
            return str((client.execute_sql(query) or [("unknown",)])[0][0]).split(",")[0]
    return "unknown"


def _statement_seconds(pipelines: Pipelines) -> float:
    taken = []
    with pipelines.raw.sql_client() as client:
        for _ in range(PROBES):
            began = time.monotonic()
            client.execute_sql("SELECT 1")
            taken.append(time.monotonic() - began)
    return median(taken)


@contextmanager
def _timed(
    found: Trial, shown: Callable[[Step], None], name: str, pipelines: Pipelines | None = None
) -> Iterator[Callable[[str], None]]:
    """Time a step and count its statements. A step that fails is shown too, before its error is raised."""
    notes = ["failed"]
    began = time.monotonic()
    with counted_statements(pipelines.raw if pipelines else None) as statements:
        try:
            yield lambda text: notes.__setitem__(0, text)
        finally:
            step = Step(name, notes[0], time.monotonic() - began, statements.number)
            found.steps.append(step)
            shown(step)
