"""A lease in the destination: one run at a time on all machines, for engines without a lock of their own.

`rules` decides from rows who holds the lease, `table` sends the statements, `holder` keeps one run's lease, `guard`
stops what a run writes after its lease was lost. The reasons are in docs/decisions/0039-lease-in-the-destination.md.
"""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

import dlt

if TYPE_CHECKING:
    from pipelines.warehouse.engine import Engine


@contextmanager
def held_lease(pipeline: dlt.Pipeline, engine: "Engine") -> Iterator[None]:
    """Hold the lease on the raw dataset of a pipeline, and stop the run before it writes without it.

    Raises:
        PipelineError: Another run holds the lease.
        Interrupted: Another run took the lease, because this one stood still until it had expired.
    """
    # Imported here: a run on an engine with another lock needs none of it.
    from pipelines.common.configuration import lease_seconds
    from pipelines.common.signals import ended_by_threads

    from .guard import guarded
    from .holder import Lease
    from .table import LeaseTable

    table = LeaseTable(pipeline, engine)
    lease = Lease(table, lease_seconds(), engine.settling_seconds)
    with ExitStack() as stack:
        stack.callback(lease.release)
        lease.acquire()
        stack.enter_context(ended_by_threads())
        stack.enter_context(guarded(pipeline.destination, lease.check))
        stack.enter_context(lease.renewed())
        yield
