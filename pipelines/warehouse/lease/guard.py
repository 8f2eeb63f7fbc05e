"""Asks before each statement that writes whether the run still holds its lease."""

import functools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from pipelines.warehouse.dlt_internals import with_each_client
from pipelines.warehouse.run_tables import SCHEMA_NAME


@contextmanager
def guarded(destination: Any, check: Callable[[], None]) -> Iterator[None]:
    """Call `check`, which raises if the lease is lost, before all that a destination's new clients write.

    The pipeline's own record of the run is left out: each of its rows belongs to one run, so none can be doubled.
    """

    def guard(job_client: Any, schema_name: str) -> None:
        if schema_name == SCHEMA_NAME:
            return
        client = job_client.sql_client
        client.execute_query = _after(check, client.execute_query, unless=_is_read)
        client.commit_transaction = _after(check, client.commit_transaction)
        # Some load files go to the destination without SQL.
        job_client.prepare_load_job_execution = _after(check, job_client.prepare_load_job_execution)

    with with_each_client(destination, guard):
        yield


def _after(check: Callable[[], None], call: Any, unless: Callable[..., bool] = lambda *_: False) -> Any:
    @functools.wraps(call)
    def checked(*arguments: Any, **named: Any) -> Any:
        if not unless(*arguments):
            check()
        return call(*arguments, **named)

    return checked


def _is_read(query: object, *_: Any) -> bool:
    # Several statements may begin with a SELECT.
    return isinstance(query, str) and query.lstrip()[:6].upper() == "SELECT" and ";" not in query.rstrip("; \n")
