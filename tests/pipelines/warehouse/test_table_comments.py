"""Every table and column has the comment of models.yml or of the raw schema, on both engines."""

import time

import pytest

from audit_source import schema
from audit_source.directory.history_tables import HISTORY_TABLES
from audit_source.directory.tables import DETAIL_TABLES
from pipelines.transform.checks import RESULT_COLUMNS, RESULTS, RESULTS_DESCRIPTION
from pipelines.transform.parse import MODELS_DIR, read_tables
from pipelines.warehouse import run_tables
from tests.conftest import Engine, Tenant, event, plain_server
from tests.support.tenant_records import LISTS

pytestmark = pytest.mark.comments

COMMENTS = {
    "duckdb": """
        select schema_name, table_name, '', comment from duckdb_tables()
        union all select schema_name, table_name, column_name, comment from duckdb_columns() where not internal""",
    "postgres": """
        select relnamespace::regnamespace::text, relname, '', obj_description(oid, 'pg_class')
        from pg_class where relkind = 'r'
        union all
        select relnamespace::regnamespace::text, relname, attname, col_description(attrelid, attnum)
        from pg_class join pg_attribute on attrelid = pg_class.oid and attnum > 0 where relkind = 'r'""",
}


def comments(engine: Engine) -> dict[tuple[str, str, str], str | None]:
    """Return comments by dataset, table and column, without tables and columns of dlt."""
    found = {(dataset, table, column): text for dataset, table, column, text in engine.rows(COMMENTS[engine.kind])}
    return {
        place: text
        for place, text in found.items()
        if place[0] in ("anaplan_audit", "anaplan_audit_raw")
        and not place[1].startswith("_dlt")
        and place[2] not in ("_dlt_id", "_dlt_load_id")
    }


def documented() -> dict[tuple[str, str, str], str]:
    expected = {}
    for raw in schema.TABLES:
        expected["anaplan_audit_raw", raw.name, ""] = raw.comment
        for column in raw.all_columns:
            expected["anaplan_audit_raw", raw.name, column.name] = column.description
    for table in read_tables(MODELS_DIR):
        expected["anaplan_audit", table.name, ""] = table.docs.comment
        for name, meaning in table.docs.columns.items():
            expected["anaplan_audit", table.name, name] = meaning
    expected["anaplan_audit", RESULTS, ""] = f"{RESULTS_DESCRIPTION} One row per check and run."
    for name, (_, meaning) in RESULT_COLUMNS.items():
        expected["anaplan_audit", RESULTS, name] = meaning
    for own, columns in run_tables.COLUMNS.items():
        expected["anaplan_audit_raw", own, ""] = run_tables.DESCRIPTIONS[own]
        for name, (_, meaning) in columns.items():
            expected["anaplan_audit_raw", own, name] = meaning
    return expected


@pytest.mark.usual_engine("duckdb")
def test_every_table_and_column_has_its_comment_and_raw_keys_are_unique(engine: Engine, tenant: Tenant) -> None:
    now = int(time.time() * 1000) - 600_000
    with plain_server([event(1, now), event(2, now + 1000)], LISTS) as server:
        assert tenant.at(server.url).run("run").code == 0
    assert comments(engine) == documented()
    for table in schema.TABLES:
        if table in DETAIL_TABLES:
            # This tenant has none of them; their own tests compare the rows.
            continue
        key = ", ".join(table.key)
        rows = engine.rows(f"select {key} from anaplan_audit_raw.{table.name} limit 1")
        # `run` creates the tables of model history, and does not fill them by default.
        assert bool(rows) == (table not in HISTORY_TABLES), table.name
        assert engine.rows(f"select 1 from anaplan_audit_raw.{table.name} group by {key} having count(*) > 1") == []
