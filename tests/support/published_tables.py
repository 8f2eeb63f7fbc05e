"""The tables that a published copy must contain."""

from tests.conftest import Engine


def tables_of(engine: Engine) -> dict[str, list[tuple]]:
    """Return the rows that a copy must hold: the enriched tables, and the raw table `event_windows`."""
    names = engine.rows(
        "select table_schema, table_name from information_schema.tables where table_schema = 'anaplan_audit'"
        " or (table_schema = 'anaplan_audit_raw' and table_name = 'event_windows')"
    )
    found = {}
    for schema, name in names:
        if not name.startswith("_"):
            columns = engine.rows(
                f"select column_name from information_schema.columns where table_schema = '{schema}' "
                f"and table_name = '{name}' and column_name not like '!_dlt%' escape '!' order by 1"
            )
            found[name] = sorted(
                engine.rows(f"select {', '.join(column for (column,) in columns)} from {schema}.{name}"), key=str
            )
    return found
