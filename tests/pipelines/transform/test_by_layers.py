"""Engines that need a staging copy are written by dlt, layer after layer: the same rows as by statements."""

from pathlib import Path
from typing import Any

import pytest

from pipelines.transform import by_layers, materialize
from pipelines.warehouse.duckdb.engine import DuckDb
from pipelines.warehouse.engine import engine_named
from pipelines.warehouse.statement_load import StatementLoad
from tests.support import scenario
from tests.support.model_warehouse import Warehouse
from tests.support.raw_rows import event
from tests.support.scenario import ANN
from tests.support.small_models import write_model
from tests.support.translation import ENRICHMENT

pytestmark = pytest.mark.usual_engine("duckdb")
LATER = "2026-03-11 00:00"
ORIGINAL = StatementLoad.__init__
LATE = event(90, "USR-8", "2026-03-01 23:00", user_id=ANN)


@pytest.fixture
def layered(loaded: Warehouse, monkeypatch: pytest.MonkeyPatch) -> Warehouse:
    monkeypatch.setattr(DuckDb, "loads_by_statement", False)
    monkeypatch.setattr(StatementLoad, "__init__", lambda *_: pytest.fail("a load by statements"))
    return loaded


def rebuilt_by_statements(warehouse: Warehouse, models: Path) -> dict[str, Any]:
    with pytest.MonkeyPatch.context() as undone:
        undone.setattr(DuckDb, "loads_by_statement", True)
        undone.setattr(StatementLoad, "__init__", ORIGINAL)
        warehouse.enrich(models, full_refresh=True)
    return warehouse.tables()


def test_new_and_late_events_are_written(layered: Warehouse, short: Path) -> None:
    assert layered.enrich(short, full_refresh=True).days is None
    layered.load(LATER, events=[LATE, event(91, "USR-8", "2026-03-09 01:00")])
    report = layered.enrich(short)
    assert report.days is not None and LATE["event_day"] in report.days
    assert (LATE["id"],) in layered.rows("fct_events", "event_id")
    layered.check(short)
    written = layered.tables()
    assert len(written["fct_events"]) == len(scenario.EVENTS) + 2
    assert written == rebuilt_by_statements(layered, short)


@pytest.mark.parametrize("is_short_way", [True, False])
def test_each_table_is_told_when_it_begins(
    loaded: Warehouse, short: Path, monkeypatch: pytest.MonkeyPatch, is_short_way: bool
) -> None:
    monkeypatch.setattr(DuckDb, "loads_by_statement", is_short_way)
    told: list[tuple[int, int, str]] = []
    loaded.enrich(short, full_refresh=True, on_table=lambda *table: told.append(table))
    assert told == [(0, 2, "fct_events"), (1, 2, "users_a_day")]
    told.clear()
    loaded.enrich(short, on_table=lambda *table: told.append(table))
    assert told == []


def test_a_run_that_died_between_layers_is_made_good(
    layered: Warehouse, short: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    layered.enrich(short)
    run_layer = by_layers.run_layer

    def dies_in_the_second(pipeline: Any, resources: Any, state: Any, **options: Any) -> Any:
        if any(resource.name == "users_a_day" for resource in resources):
            raise KeyboardInterrupt
        return run_layer(pipeline, resources, state, **options)

    for full_refresh in (False, True):
        layered.load(LATER if full_refresh else "2026-03-10 12:00", events=[LATE])
        with monkeypatch.context() as patched:
            patched.setattr(by_layers, "run_layer", dies_in_the_second)
            with pytest.raises(KeyboardInterrupt):
                layered.enrich(short, full_refresh=full_refresh)
        layered.enrich(short)
        assert layered.tables() == rebuilt_by_statements(layered, short)


def test_a_model_changes_columns_and_a_table_is_dropped(layered: Warehouse, short: Path) -> None:
    layered.enrich(short)
    write_model(short, "mine", "select cast(event_id as bigint) as id from fct_events")
    assert layered.enrich(short).rebuilt == ["mine"]
    write_model(
        short,
        "mine",
        "select cast(event_id as varchar) as id, cast(1 as bigint) as one from fct_events",
        columns=["id", "one"],
    )
    assert layered.enrich(short).rebuilt == ["mine"]
    assert layered.rows("mine", "count(id)", "sum(one)") == [(len(scenario.EVENTS),) * 2]
    with layered.enriched.sql_client() as client:
        client.execute_sql("drop table anaplan_audit.mine")
    layered.enrich(short)
    assert layered.rows("mine", "count(id)") == [(len(scenario.EVENTS),)]


def test_a_table_with_a_key_gets_the_hints_of_its_engine_beside_its_description(
    layered: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    """ClickHouse refuses empty values in a key unless the table allows them."""
    clickhouse = engine_named("clickhouse")
    monkeypatch.setattr(materialize, "engine", lambda: clickhouse)
    model = ENRICHMENT.models["id_days"]
    table: Any = materialize.empty_resource(layered.raw.dataset(), model).compute_table_schema()
    assert clickhouse.key_table_hints().items() <= table.items()
    assert table["description"] == model.docs.comment
    assert [name for name, column in table["columns"].items() if column.get("primary_key")] == list(model.docs.key)
