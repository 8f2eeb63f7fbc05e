"""A database of an earlier version gets the tables that this version added, before anything reads them."""

import time

import pytest

from audit_source import schema, source
from audit_source.directory.history_tables import HISTORY_TABLES
from audit_source.directory.tables import DETAIL_TABLES
from pipelines.run import load
from tests.conftest import Engine, Tenant, event, plain_server
from tests.support.tenant_records import LISTS

RAW = "anaplan_audit_raw"
NEW_TABLES = (*DETAIL_TABLES, *HISTORY_TABLES)


def columns_of(engine: Engine, table: str) -> set[str]:
    query = (
        f"select column_name from information_schema.columns where table_schema = '{RAW}' and table_name = '{table}'"
    )
    return {name for (name,) in engine.rows(query)}


@pytest.mark.usefixtures("few_models")
def test_enrichment_of_an_older_database_creates_the_new_tables_and_a_load_fills_them(
    tenant: Tenant, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    with plain_server([event(1, int(time.time() * 1000) - 600_000)], LISTS) as server:
        with monkeypatch.context() as earlier:
            earlier.setattr(source, "detail_resources", lambda parent: ())
            earlier.setattr(source, "history_tables", lambda: ())
            # The second load of a run: any other table instead.
            earlier.setattr(load, "DETAILS", ("event_types",))
            assert tenant.at(server.url).run("load").code == 0
        assert not any(columns_of(engine, table.name) for table in NEW_TABLES)
        assert tenant.run("enrich")[::2] == (0, "")
        created = {table.name: columns_of(engine, table.name) for table in NEW_TABLES}
        assert tenant.run("load")[::2] == (0, "")
    for table in NEW_TABLES:
        assert created[table.name] >= {column.name for column in table.all_columns}, table.name
        assert columns_of(engine, table.name) == created[table.name]
    assert len(schema.TABLES) > len(NEW_TABLES)
