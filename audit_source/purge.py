"""Records purged days in the state, so that the source never requests or loads them again."""

from collections.abc import Iterator
from dataclasses import astuple, replace
from typing import Any

import dlt
from dlt.sources import DltResource

from .events.ledger import from_state
from .events.windows import PURGED
from .schema import EVENTS


@dlt.source(name="audit", section="audit_source")
def purge_before(day_start: int) -> DltResource:
    """Record in dlt's state that all days before this one are purged. No rows are deleted.

    Args:
        day_start (int): UTC midnight in epoch ms. Days before it are never loaded again. A midnight before
            the one on record changes nothing.
    """

    @dlt.resource(name="purged_days")
    def purged_days() -> Iterator[Any]:
        state = dlt.current.source_state().setdefault("resources", {}).setdefault(EVENTS.name, {})
        state["purged_before"] = max(day_start, state.get("purged_before", 0))
        for event_type, ledger in state.get("windows", {}).items():
            state["windows"][event_type] = [
                list(astuple(replace(window, status=PURGED) if window.end <= day_start else window))
                for window in from_state(ledger)
            ]
        # A load without rows still commits the state.
        yield from ()

    return purged_days
