"""Makes the source skip purged days permanently: they are neither requested nor loaded again."""

from collections.abc import Iterator
from dataclasses import astuple, replace
from typing import Any

import dlt
from dlt.sources import DltResource

from .events.ledger import from_state
from .events.windows import PURGED
from .schema import EVENTS


@dlt.source(name="audit", section="audit_source")
def forget_before(day_start: int) -> DltResource:
    """Record a purge in the state that dlt commits with the data. No rows are deleted.

    Args:
        day_start (int): UTC midnight in epoch ms. Days before it are never loaded again. A midnight before the
            recorded one changes nothing.
    """

    @dlt.resource(name="forgotten")
    def forgotten() -> Iterator[Any]:
        state = dlt.current.source_state().setdefault("resources", {}).setdefault(EVENTS.name, {})
        state["purged_before"] = max(day_start, state.get("purged_before", 0))
        for event_type, ledger in state.get("windows", {}).items():
            state["windows"][event_type] = [
                list(astuple(replace(window, status=PURGED) if window.end <= day_start else window))
                for window in from_state(ledger)
            ]
        # No rows: a load of the resource commits the state only.
        yield from ()

    return forgotten
