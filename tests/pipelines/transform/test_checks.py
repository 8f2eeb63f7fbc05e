"""What the checks find in tables that were tampered with, and what they record."""

from pathlib import Path

import pytest

from pipelines.common.exit_codes import ModelError, PipelineError
from pipelines.transform import checks as checks_module
from pipelines.transform.parse import MODELS_DIR
from tests.support import scenario
from tests.support.model_warehouse import Warehouse
from tests.support.scenario import ANN
from tests.support.small_models import read_entries, write_entries

FACTS = "anaplan_audit.fct_events"


def accept(models: Path) -> None:
    """Declares the messages of the scenario as the only ones."""
    entries = read_entries(models)
    (facts,) = (entry for entry in entries if entry["name"] == "fct_events")
    (message,) = (column for column in facts["columns"] if column["name"] == "message")
    message["data_tests"] = [{"accepted_values": {"values": [row["message"] for row in scenario.EVENTS]}}]
    write_entries(models, "marts", entries)


def test_wrong_rows_are_counted_named_and_recorded(warehouse: Warehouse, short: Path) -> None:
    warehouse.load(**scenario.WORLD)
    warehouse.enrich(short)
    accept(short)
    checks = short / "checks"
    checks.mkdir()
    for name in ("every_event_is_a_fact", "no_covered_day_is_missing"):
        (checks / f"{name}.sql").write_text((MODELS_DIR / "checks" / f"{name}.sql").read_text(encoding="utf-8"))
    with warehouse.raw.sql_client() as client:
        client.execute_sql(f"insert into {FACTS} select * from {FACTS} where event_day = '2026-03-07'")
        client.execute_sql(f"update {FACTS} set message = 'robot' where user_id = '{ANN}' and event_day = '2026-03-04'")
        client.execute_sql(f"update {FACTS} set event_id = null where event_day = '2026-03-04' and user_id <> '{ANN}'")

    results = {result.name: result for result in warehouse.check(short)}

    failing = {name: result.failing_rows for name, result in results.items() if not result.passed}
    assert failing == {
        "fct_events.key_unique": 1,
        "fct_events.key_filled": 1,
        "fct_events.message_accepted": 1,
        # A day with an event twice, and one whose content was changed.
        "every_event_is_a_fact": 2,
    }
    line = results["every_event_is_a_fact"].line()
    assert line.startswith("check every_event_is_a_fact: 2 wrong rows, first ")
    assert "event_day='2026-03-07', raw_events='1', facts='2'" in line
    recorded = warehouse.rows("check_results", "check_name", "status", "failing_rows")
    assert {name: rows for name, status, rows in recorded if status == "failed"} == failing
    assert len(recorded) == len(results)


def test_duckdb_counts_few_checks_at_once_on_one_snapshot(loaded: Warehouse) -> None:
    queries = {f"check {number}": f"select {number} from range({number})" for number in range(45)}
    sent: list[str] = []
    with loaded.raw.sql_client() as client:
        original = client.execute_sql

        def noted(sql: str, *values: object) -> object:
            sent.append(sql)
            return original(sql, *values)

        client.execute_sql = noted  # type: ignore[method-assign, assignment]
        found = checks_module._counts(client, queries, 20)
    assert found == {f"check {number}": number for number in range(45)}
    assert [sql.count("AS failing") for sql in sent if "AS failing" in sql] == [20, 20, 5]


def test_hostile_text_does_not_reach_the_terminal(loaded: Warehouse, short: Path) -> None:
    accept(short)
    with loaded.raw.sql_client() as client:
        client.execute_sql(f"update {FACTS} set message = %s where user_id = '{ANN}'", "\x1b[2J\nrm " + "x" * 9000)
    (line,) = [result.line() for result in loaded.check(short) if not result.passed]
    assert line.isprintable()
    assert len(line) < 700


def test_a_broken_check_is_refused_by_name(loaded: Warehouse, short: Path) -> None:
    (short / "checks").mkdir()
    (short / "checks" / "mine.sql").write_text("select nothing from fct_events")
    with pytest.raises(ModelError, match=r"mine.sql:1: Column 'nothing' could not be resolved"):
        loaded.check(short)


def test_checking_before_enriching_says_what_to_do(warehouse: Warehouse, short: Path) -> None:
    with pytest.raises(PipelineError, match="no raw tables yet: load first"):
        warehouse.enrich(short)
    warehouse.load()
    with pytest.raises(PipelineError, match="not built yet"):
        warehouse.check(short)
