"""What the source uses of dlt beyond its public interface: all seen in dlt 1.31.0.

`tests/audit_source/test_source_dlt_internals.py` fails when an upgrade of dlt changes one of these.
"""

import logging
import math
from collections.abc import Callable
from datetime import datetime, timezone
from functools import lru_cache
from typing import Any

import dlt
from dlt.common.normalizers.naming.snake_case import NamingConvention
from dlt.common.schema.utils import new_table
from dlt.common.storages.load_package import commit_load_package_state
from dlt.sources.helpers import requests as dlt_requests
from dlt.sources.helpers.requests.session import Session
from requests.adapters import HTTPAdapter

from .retry import with_jitter

# dlt has no public way to say that Arrow text is JSON, and warns of the difference for every page. It also warns
# that an empty table has no parquet writer, which is intended. dlt logs both without a type, so their text is compared.
EXPECTED_WARNINGS = ("several column hints were different", "native writer could not be found")
# SCD2 versions may begin this much later than requested, but never earlier: they could precede a stored version.
_VERSION_SLACK_SECONDS = 2


class RetryingClient(dlt_requests.Client):
    """dlt's retrying HTTP client with another adapter, and with jitter between its tries.

    Args:
        adapter (Callable): Makes the HTTP adapter, called once with the configured back-off factor.
        options (Any): As of dlt's client.
    """

    def __init__(self, adapter: Callable[[float], HTTPAdapter], **options: Any) -> None:
        super().__init__(raise_for_status=False, **options)
        self._backoff = float(self._retry_kwargs["backoff_factor"])
        self._adapter = adapter(self._backoff)

    def _make_session(self) -> Session:
        session = super()._make_session()
        retry = session.send.retry  # type: ignore[attr-defined]
        retry.wait = with_jitter(retry.wait, self._backoff)
        return session


class ExpectedWarnings(logging.Filter):
    """Drops the warnings of dlt that the source causes on purpose; see `EXPECTED_WARNINGS`."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Return whether the record is to be logged."""
        return not any(text in record.getMessage() for text in EXPECTED_WARNINGS)


# For `logging.getLogger("dlt").addFilter`, which is up to the program: the source changes no logging.
EXPECTED = ExpectedWarnings()


@lru_cache(maxsize=1)
def _naming() -> NamingConvention:
    return NamingConvention()


def snake_case(field: str) -> str:
    """Return the column name that dlt gives a field.

    Raises:
        ValueError: The field has no usable name.
    """
    return _naming().normalize_identifier(field)


def begin_versions_at(moment: int) -> int:
    """Begin the SCD2 versions of this load at a moment (epoch ms) instead of this machine's time.

    Returns the moment at which they begin, up to two seconds later.

    dlt takes the creation time of the load package as the boundary of SCD2. A boundary before a stored one would
    retire versions before they began.
    """
    state = dlt.current.load_package_state()["state"]
    wanted = datetime.fromtimestamp(moment / 1000, timezone.utc)
    created = state["created_at"]
    if not 0 <= created.timestamp() - wanted.timestamp() <= _VERSION_SLACK_SECONDS:
        state["created_at"] = type(created).fromtimestamp(wanted.timestamp(), timezone.utc)
        commit_load_package_state()
    return math.ceil(state["created_at"].timestamp() * 1000)


def created_tables() -> set[str]:
    """Return the names of the tables that loads have created: those that the schema of the destination has seen."""
    return set(dlt.current.source_schema().data_table_names(seen_data_only=True))


def declare_table(name: str, columns: list[Any]) -> None:
    """Give a table of the current source columns whose type no resource hint can set."""
    dlt.current.source_schema().update_table(new_table(name, columns=columns))
