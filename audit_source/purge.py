"""Makes the source forget days for good: what was purged on purpose is neither asked for nor loaded again."""

from collections.abc import Iterator
from dataclasses import astuple, replace
from typing import Any

import dlt
from dlt.sources import DltResource

from .events.windows import PURGED, Window
from .schema import EVENTS


@dlt.source(name="audit", section="audit_source")
def forget_before(day_start: int) -> DltResource:
    """Remembers, in the state that commits with the data, that nothing before a UTC midnight is wanted any more.

    Args:
        day_start (int): That midnight, in epoch ms; an earlier one than was remembered changes nothing.
    """

    @dlt.resource(name="forgotten")
    def forgotten() -> Iterator[Any]:
        state = dlt.current.source_state().setdefault("resources", {}).setdefault(EVENTS.name, {})
        state["purged_before"] = max(day_start, state.get("purged_before", 0))
        for event_type, ledger in state.get("windows", {}).items():
            windows = [Window(*values) for values in ledger]
            state["windows"][event_type] = [
                list(astuple(replace(window, status=PURGED) if window.end <= day_start else window))
                for window in windows
            ]
        yield from ()

    return forgotten
