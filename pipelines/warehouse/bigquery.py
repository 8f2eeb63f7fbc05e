"""BigQuery: JSON as text, its own hints for comments, its own time functions."""

import os
from contextlib import AbstractContextManager
from typing import Any

import requests
from sqlglot import exp

from pipelines.common.exit_codes import FAILED, PipelineError

from .engine import Engine, Query, transformed

_LONGEST_WAIT_SECONDS = 30
_SHORTER_THAN_A_DAY = ("HOUR", "MINUTE", "SECOND", "MILLISECOND")


class BigQuery(Engine):
    """A BigQuery project."""

    keeps_purged_rows = (
        "BigQuery's time travel (`max_time_travel_hours` of the datasets, 7 days by default), "
        "then its fail-safe, 7 days"
    )
    noisy_packages = ("google",)

    def opened_for_writing(self, wait_seconds: float | None = None) -> AbstractContextManager[Any]:
        check_reachable()
        return super().opened_for_writing(wait_seconds)

    def opened_for_reading(self, wait_seconds: float) -> AbstractContextManager[Any]:
        check_reachable()
        return super().opened_for_reading(wait_seconds)

    def destination_options(self) -> dict[str, Any]:
        from .bigquery_types import TextForJson

        return {**super().destination_options(), "type_mapper": TextForJson}

    def comment_hints(self, comment: str) -> dict[str, Any]:
        return {**super().comment_hints(comment), "x-bigquery-table-description": comment}

    def day_column_hints(self) -> dict[str, Any]:
        # One partition for each day. The limit of 10,000 is 27 years.
        return {"partition": True}

    def fixed_sql(self, query: Query) -> Query:
        return transformed(query, _fixed_node)


def check_reachable() -> None:
    """Refuse a service that cannot be reached. Google's client repeats each statement for ten minutes.

    Raises:
        PipelineError: There was no answer within half a minute.
    """
    # The variable is that of Google's client.
    address = os.environ.get("BIGQUERY_EMULATOR_HOST", "https://bigquery.googleapis.com")
    try:
        # Any answer will do.
        requests.head(address, timeout=_LONGEST_WAIT_SECONDS)
    except requests.RequestException as error:
        reason = type(error).__name__
        raise PipelineError(
            FAILED, f"destination: BigQuery at {address} does not answer ({reason}). Check the network, then run again."
        ) from error


def _fixed_node(node: exp.Expr) -> exp.Expr:
    """DATE_DIFF counts days and longer units only: TIMESTAMP_DIFF counts the others. TIME_TO_UNIX does not exist."""
    if isinstance(node, exp.TimeToUnix):
        return exp.UnixSeconds(this=node.this)
    if isinstance(node, exp.DateDiff) and str(node.args.get("unit", "DAY")).upper() in _SHORTER_THAN_A_DAY:
        return exp.TimestampDiff(**node.args)
    return node


ENGINE = BigQuery
