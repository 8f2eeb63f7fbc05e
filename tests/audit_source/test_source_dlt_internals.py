"""The dlt internals that the source uses. A failure means that a dlt upgrade has changed them."""

import inspect
import logging
from datetime import datetime, timezone
from typing import Any

import dlt
import pyarrow as pa
import pytest
from dlt.extract import extractors
from dlt.normalize import worker
from dlt.sources.helpers.requests.retry import DEFAULT_RETRY_EXCEPTIONS, DEFAULT_RETRY_STATUS
from requests.adapters import HTTPAdapter
from tenacity.wait import wait_combine, wait_random

from audit_source import dlt_internals, retry
from audit_source.dlt_internals import RetryingClient


class _Adapter(HTTPAdapter):
    def __init__(self, backoff: float) -> None:
        self.backoff = backoff
        super().__init__()


def test_the_http_client_uses_our_adapter_and_waits_with_jitter(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RUNTIME__REQUEST_BACKOFF_FACTOR", "0.25")
    client = RetryingClient(_Adapter)
    adapter = client.session.get_adapter("https://example.com")
    assert isinstance(adapter, _Adapter) and adapter.backoff == 0.25
    wait: Any = client.session.send.retry.wait  # type: ignore[attr-defined]
    assert isinstance(wait, wait_combine)
    [jitter] = [one for one in wait.wait_funcs if isinstance(one, wait_random)]
    assert (jitter.wait_random_min, jitter.wait_random_max) == (0, 0.25)


def test_429_and_every_5xx_and_what_dlt_retries_are_retried() -> None:
    assert set(retry.RETRIED_STATUS) == {429, *range(500, 600)} == set(DEFAULT_RETRY_STATUS)
    assert set(retry.RETRIED_ERRORS) > set(DEFAULT_RETRY_EXCEPTIONS)


@pytest.mark.parametrize(
    ("field", "column"), [("eventTypeId", "event_type_id"), ("a b", "a_b"), ("IPAddress", "ip_address")]
)
def test_new_fields_get_the_names_that_dlt_gives_columns(field: str, column: str) -> None:
    assert dlt_internals.snake_case(field) == column == dlt.Schema("s").naming.normalize_identifier(field)


def test_versions_begin_at_the_time_of_the_load_package() -> None:
    moment = datetime(2026, 3, 1, 12, tzinfo=timezone.utc)

    @dlt.resource(write_disposition={"disposition": "merge", "strategy": "scd2"})
    def people() -> Any:
        dlt_internals.begin_versions_at(int(moment.timestamp() * 1000))
        yield {"id": 1}

    pipeline = dlt.pipeline("versions", destination="duckdb", dataset_name="history")
    pipeline.run(people)
    [row] = pipeline.dataset()("select _dlt_valid_from from people").fetchall()
    assert row[0].timestamp() == moment.timestamp()


def test_a_declared_column_has_its_type_in_a_table_without_rows() -> None:
    @dlt.source(name="declared")
    def source() -> Any:
        dlt_internals.declare_table("empty", [{"name": "row_version", "data_type": "text", "nullable": False}])
        return dlt.resource([{"id": 1}], name="full")

    columns = source().schema.tables["empty"]["columns"]
    assert (columns["row_version"]["data_type"], columns["row_version"]["nullable"]) == ("text", False)


def test_tables_of_earlier_loads_are_known_while_a_later_one_is_extracted() -> None:
    known: list[set[str]] = []

    @dlt.source(name="seen")
    def source() -> Any:
        dlt_internals.declare_table("declared", [{"name": "a", "data_type": "text"}])

        @dlt.resource
        def people() -> Any:
            known.append(dlt_internals.created_tables())
            yield [{"id": 1}]

        return people

    pipeline = dlt.pipeline("seen", destination="duckdb", dataset_name="seen")
    for _ in range(2):
        pipeline.run(source())
    assert known == [set(), {"people"}]


def test_expected_dlt_warnings_keep_their_wording_and_are_dropped() -> None:
    sources = [inspect.getsource(module) for module in (extractors, worker)]
    for text in dlt_internals.EXPECTED_WARNINGS:
        assert any(text in source for source in sources), text
    logged: list[str] = []
    logger = logging.getLogger("dlt")
    handler = logging.Handler()
    handler.emit = lambda record: logged.append(record.getMessage())  # type: ignore[method-assign]
    logger.addHandler(handler)
    logger.addFilter(dlt_internals.EXPECTED)
    try:
        pipeline = dlt.pipeline("texts", destination="duckdb", dataset_name="texts")
        table = pa.table({"id": [1], "value": ['{"a": 1}']})
        pipeline.run(dlt.resource([table], name="texts", columns={"value": {"data_type": "json"}}))
        logger.warning("something else")
    finally:
        logger.removeHandler(handler)
        logger.removeFilter(dlt_internals.EXPECTED)
    assert logged == ["something else"]


def test_internals_were_verified_with_the_installed_version() -> None:
    assert dlt.__version__.startswith("1.31."), "compare `audit_source/dlt_internals.py` with the new version of dlt"
