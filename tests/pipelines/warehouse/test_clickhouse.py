"""A ClickHouse is loaded and enriched like a DuckDB file, with equal tables.

Run by `make test-clickhouse`.
"""

from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest

from sandbox.server import Sandbox
from tests.conftest import Tenant
from tests.support.clickhouse import clickhouse_tables, running_clickhouse
from tests.support.same_tables import NOW, SMALL, differing, expect_success, file_tables, use


@pytest.fixture
def clickhouse(tmp_path: Path) -> Iterator[dict[str, str]]:
    if find_spec("chdb") is None:
        pytest.skip("run by make test-clickhouse")
    with running_clickhouse(tmp_path / "clickhouse") as settings:
        yield settings


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(clock_ms=NOW, **SMALL) as running:
        yield running


def test_a_clickhouse_has_the_tables_of_a_duckdb_file(
    tenant: Tenant,
    sandbox: Sandbox,
    clickhouse: dict[str, str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    tenant.at(sandbox.url, password="sandbox")

    def there(*arguments: str) -> None:
        with monkeypatch.context() as in_clickhouse:
            use(in_clickhouse, clickhouse, tmp_path)
            expect_success(tenant, *arguments)

    def expect_equal() -> None:
        expected = file_tables(tmp_path / "audit_log.duckdb")
        assert len(expected) > 40 and len(expected["fct_events"]) > 300
        assert differing(clickhouse_tables(clickhouse), expected) == []

    expect_success(tenant, "run")
    there("run")
    expect_equal()
