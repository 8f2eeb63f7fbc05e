"""A load that is only statements: the rows, the load and the state are stored as after a dlt run."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import dlt
import pytest

from pipelines.common.exit_codes import TableError
from pipelines.transform.materialize import SOURCE_NAME, stored_state
from pipelines.warehouse.postgres_destination import lock_number
from pipelines.warehouse.row_statements import ROWS_PER_STATEMENT
from pipelines.warehouse.statement_load import has_columns, statement_load, stored_tables
from tests.support.model_warehouse import Warehouse
from tests.support.raw_rows import event

LATE = event(300, "USR-8", "2026-03-02 09:00", success=True)
THINGS = {"thing": "text", "size": "bigint"}


@pytest.fixture
def things(warehouse: Warehouse) -> dlt.Pipeline:
    """A pipeline whose table `things` was created by a dlt run."""
    pipeline = warehouse.enriched
    pipeline.run([{"thing": "a", "size": 1}, {"thing": "b", "size": 2}], table_name="things")
    with pipeline.sql_client() as client:
        # Tables that queries fill have no row ids.
        client.execute_sql(
            f"alter table {client.make_qualified_table_name('things')} alter column _dlt_id drop not null"
        )
    return pipeline


def stored(pipeline: dlt.Pipeline, query: str = "select thing, size from things order by thing, size") -> list[Any]:
    with pipeline.sql_client() as client:
        return list(client.execute_sql(query) or [])


def load_things(pipeline: dlt.Pipeline, *steps: Any) -> str:
    with statement_load(pipeline) as load:
        for step in steps:
            step(load)
        load.keep_state("numbers", {"written": len(steps)})
    return load.load_id


def test_rows_that_meet_a_condition_are_replaced(things: dlt.Pipeline) -> None:
    query = "select 'c' as thing, cast(3 as bigint) as size"
    load_id = load_things(
        things, lambda load: load.apply([load.replaced("things", ["thing", "size"], query, "size = 2")])
    )
    assert stored(things) == [("a", 1), ("c", 3)]
    assert stored(things, "select thing from things where _dlt_load_id = '" + load_id + "'") == [("c",)]
    load_things(things, lambda load: load.apply([load.replaced("things", ["size", "thing"], query, None)]))
    assert stored(things) == [("c", 3)]


def test_rows_with_the_same_key_are_replaced_by_a_query_of_the_table_itself(things: dlt.Pipeline) -> None:
    query = "select thing, size + 10 as size from things where thing = 'b' union all select 'd', cast(4 as bigint)"
    with things.sql_client() as client:
        query = query.replace("from things", f"from {client.make_qualified_table_name('things')}")
    load_things(things, lambda load: load.apply([load.merged("things", ["thing", "size"], query, ["thing"])]))
    assert stored(things) == [("a", 1), ("b", 12), ("d", 4)]
    load_things(things, lambda load: load.apply([load.merged("things", ["thing", "size"], query, ["thing"])]))
    assert stored(things) == [("a", 1), ("b", 22), ("d", 4)]


def test_a_query_that_fails_leaves_the_rows(things: dlt.Pipeline) -> None:
    query = "select 'c' as thing, cast(1 as bigint) / cast('x' as bigint) as size"
    with pytest.raises(TableError), statement_load(things) as load:
        load.apply([load.replaced("things", ["thing", "size"], query, None)])
    with pytest.raises(TableError), statement_load(things) as load:
        load.apply([load.merged("things", ["thing", "size"], query, ["thing"])])
    assert stored(things) == [("a", 1), ("b", 2)]
    query = "select 'c' as thing, cast(3 as bigint) as size"
    load_things(things, lambda load: load.apply([load.merged("things", ["thing", "size"], query, ["thing"])]))
    assert stored(things)[-1] == ("c", 3)


def test_rows_from_here_get_ids_and_the_load(things: dlt.Pipeline) -> None:
    rows = [
        {"thing": f"t{number:03}", "size": number if number % 2 else None} for number in range(ROWS_PER_STATEMENT + 50)
    ]
    load_id = load_things(things, lambda load: load.append("things", rows))
    found = stored(things, f"select thing, size, _dlt_id from things where _dlt_load_id = '{load_id}' order by thing")
    assert [(thing, size) for thing, size, _ in found] == [(row["thing"], row["size"]) for row in rows]
    assert len({row_id for *_, row_id in found}) == len(rows)


def test_load_and_state_are_what_a_dlt_run_leaves(warehouse: Warehouse, things: dlt.Pipeline) -> None:
    [before] = stored(things, "select max(load_id) from _dlt_loads")
    load_id = load_things(
        things, lambda load: load.apply([load.replaced("things", ["thing"], "select 'e' as thing", None)])
    )
    assert before[0] < load_id
    [(schema, status, version)] = stored(
        things, f"select schema_name, status, schema_version_hash from _dlt_loads where load_id = '{load_id}'"
    )
    assert (schema, status, version) == (things.default_schema.name, 0, things.default_schema.version_hash)
    # Another process restores the state, and goes on from it.
    other = warehouse.enriched
    assert other.state["sources"]["numbers"] == {"written": 1}  # type: ignore[typeddict-item]
    assert load_id < load_things(other)
    assert warehouse.enriched.state["sources"]["numbers"] == {"written": 0}  # type: ignore[typeddict-item]


def test_dlt_does_not_store_the_same_state_again(things: dlt.Pipeline) -> None:
    load_things(things)
    count = "select count(*) from _dlt_pipeline_state"
    [(states,)] = stored(things, count)
    things.run([{"thing": "f", "size": 6}], table_name="things")
    assert stored(things, count) == [(states,)]


def test_a_table_has_exactly_these_columns_or_dlt_has_to_change_it(things: dlt.Pipeline) -> None:
    assert has_columns(stored_tables(things).get("things", {}), THINGS)
    assert not has_columns(stored_tables(things).get("things", {}), {**THINGS, "colour": "text"})
    assert not has_columns(stored_tables(things).get("things", {}), {"thing": "text"})
    assert not has_columns(stored_tables(things).get("things", {}), {**THINGS, "size": "double"})
    assert not has_columns(stored_tables(things).get("others", {}), THINGS)


def test_changes_of_several_tables_are_all_made_or_one_error_says_why(things: dlt.Pipeline) -> None:
    things.run([{"thing": "x", "size": 9}], table_name="others")
    one = "select 'c' as thing, cast(3 as bigint) as size, 'r' as _dlt_id"
    columns = ["thing", "size", "_dlt_id"]
    load_things(
        things, lambda load: load.apply([load.replaced(name, columns, one, None) for name in ("things", "others")])
    )
    assert stored(things) == stored(things, "select thing, size from others") == [("c", 3)]
    bad = one.replace("cast(3 as bigint)", "cast('no number' as bigint)")
    with pytest.raises(TableError, match="no number"), statement_load(things) as load:
        load.apply([load.replaced("things", columns, bad, None), load.replaced("others", columns, one, None)])
    assert stored(things) == [("c", 3)]


def test_an_hour_needs_no_dlt_run(loaded: Warehouse, short: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    loaded.enrich(short)
    loaded.check(short)
    loaded.load("2026-03-11 00:00", events=[LATE])
    monkeypatch.setattr(dlt.Pipeline, "run", lambda *_, **__: pytest.fail("a dlt run"))
    report = loaded.enrich(short)
    assert report.days == [LATE["event_day"]] and len(report.load_ids) == 1
    assert (LATE["id"],) in loaded.rows("fct_events", "event_id")
    loaded.check(short)
    assert loaded.rows("check_results", "count(distinct _dlt_load_id)") == [(2,)]
    assert stored_state(loaded.enriched) and loaded.enrich(short).load_ids == []
    assert SOURCE_NAME in loaded.enriched.state["sources"]


@pytest.mark.parametrize("warehouse", ["postgres"], indirect=True)
def test_a_statement_of_a_killed_run_is_waited_for(things: dlt.Pipeline) -> None:
    """Else its rows would stay beside those that replace them."""
    waiting = "select count(*) from pg_locks where locktype = 'advisory' and not granted"
    replace = "select 'c' as thing, cast(3 as bigint) as size"
    with ThreadPoolExecutor(1) as pool, things.sql_client() as killed:
        with killed.begin_transaction():
            name = killed.make_qualified_table_name("things")
            killed.execute_sql(f"select pg_advisory_xact_lock({lock_number(name)})")
            killed.execute_sql(f"insert into {name} (thing, size, _dlt_load_id) values ('killed', 9, '1')")
            written = pool.submit(
                load_things,
                things,
                lambda load: load.apply([load.replaced("things", ["thing", "size"], replace, None)]),
            )
            while not written.done() and stored(things, waiting) == [(0,)]:
                pass
        written.result()
    assert stored(things) == [("c", 3)]


def test_no_connection_is_idle_while_tables_are_written(things: dlt.Pipeline, monkeypatch: pytest.MonkeyPatch) -> None:
    """Firewalls drop it, and the state could not be stored after a long rebuild."""
    open_ones: set[int] = set()
    clients = type(things.sql_client())
    opened, closed = clients.open_connection, clients.close_connection
    monkeypatch.setattr(clients, "open_connection", lambda self: (open_ones.add(id(self)), opened(self))[1])
    monkeypatch.setattr(clients, "close_connection", lambda self: (open_ones.discard(id(self)), closed(self))[1])
    with statement_load(things) as load:
        assert not open_ones
        load.apply([load.replaced("things", ["thing"], "select 'c' as thing", None)])
        assert not open_ones
        load.keep_state("numbers", {"one": 1})
        assert not open_ones
