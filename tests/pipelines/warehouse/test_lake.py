"""A lake is loaded, enriched and checked like a DuckDB file, with equal tables. Run by `make test-ducklake`."""

from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest

from sandbox.server import Sandbox
from tests.conftest import Tenant
from tests.support.lakes import lake
from tests.support.postgres import Postgres
from tests.support.same_tables import NOW, SMALL, Tables, differing, expect_success, file_tables, tables_of, use


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(clock_ms=NOW, **SMALL) as running:
        yield running


@pytest.mark.usefixtures("extensions")
@pytest.mark.parametrize("catalogue", ["duckdb", "postgres"])
def test_a_lake_has_the_tables_of_a_duckdb_file(
    tenant: Tenant,
    sandbox: Sandbox,
    postgres: Postgres,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    catalogue: str,
) -> None:
    tenant.at(sandbox.url, password="sandbox")
    address = postgres.new_database()
    settings = lake(catalogue, tmp_path, address)
    expect_success(tenant, "run")
    with monkeypatch.context() as in_lake:
        use(in_lake, settings, tmp_path)
        expect_success(tenant, "run")
    sandbox.advance(hours=30)
    expect_success(tenant, "run")
    expected = file_tables(tmp_path / "audit_log.duckdb")
    assert len(expected) > 40 and len(expected["fct_events"]) > 600
    with monkeypatch.context() as in_lake:
        use(in_lake, settings, tmp_path)
        expect_success(tenant, "run")
        assert differing(lake_tables(settings), expected) == []
        expect_success(tenant, "enrich", "--full-refresh")
        expect_success(tenant, "check")
        assert differing(lake_tables(settings), expected) == []


def lake_tables(settings: dict[str, str]) -> Tables:
    catalogue = settings["DESTINATION__DUCKLAKE__CREDENTIALS__CATALOG"]
    options = "read_only"
    if catalogue.startswith("postgres"):
        # The schema in which dlt puts the catalogue.
        catalogue, options = f"postgres:{catalogue}", "read_only, metadata_schema 'ducklake'"
    with duckdb.connect() as connection:
        connection.execute("load ducklake")
        connection.execute(f"attach 'ducklake:{catalogue.removeprefix('duckdb:///')}' as lake ({options})")
        return tables_of(connection, "lake")
