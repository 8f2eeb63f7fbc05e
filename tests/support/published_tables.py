"""The tables that a published copy must contain."""

from tests.conftest import Engine


def tables_of(engine: Engine) -> dict[str, list[tuple]]:
    """Return the rows that a copy must hold: the enriched tables, and the raw table `event_windows`."""
    found = {}
    with engine.opened() as ask:
        names = ask(
            "select table_schema, table_name from information_schema.tables where table_schema = 'anaplan_audit'"
            " or (table_schema = 'anaplan_audit_raw' and table_name = 'event_windows')"
        )
        for schema, name in names:
            if not name.startswith("_"):
                columns = ask(
                    f"select column_name from information_schema.columns where table_schema = '{schema}' "
                    f"and table_name = '{name}' and column_name not like '!_dlt%' escape '!' order by 1"
                )
                rows = ask(f"select {', '.join(column for (column,) in columns)} from {schema}.{name}")
                found[name] = sorted(rows, key=str)
    return found
