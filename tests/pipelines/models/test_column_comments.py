"""Comments are written when they differ, and only then; nothing in them is taken for SQL."""

from pathlib import Path

import dlt
import pytest
from dlt.destinations.exceptions import DatabaseUndefinedRelation

from pipelines.warehouse import table_comments as comments
from pipelines.warehouse.duckdb.engine import DuckDb
from pipelines.warehouse.engine import engine_of
from pipelines.warehouse.table_comments import write_comments
from tests.support.model_warehouse import Warehouse
from tests.support.small_models import describe

pytestmark = pytest.mark.comments

HOSTILE = "it's 100% \"so\" \\' ; drop table fct_events; -- %s %(x)s $1 {0}\n\ttwo lines, 🎉, \\n and E'x'"


def comment_of(pipeline: dlt.Pipeline, table: str, column: str) -> str | None:
    with pipeline.sql_client() as client:
        catalogue = engine_of(pipeline).comment_catalogue
        assert catalogue is not None
        rows = client.execute_sql(catalogue, client.dataset_name, client.dataset_name)
    return {(name, of): text for name, of, text in rows or []}[table, column]


def test_written_once_and_again_when_lost(warehouse: Warehouse) -> None:
    pipeline = warehouse.enriched
    columns = {"id": {"description": HOSTILE}, "plain": {"data_type": "text"}}
    rows = dlt.resource([{"id": 1, "plain": "x"}], name="things", columns=columns)
    pipeline.run(rows.apply_hints(additional_table_hints={"description": HOSTILE[::-1]}))
    assert write_comments(pipeline) == 2
    assert comment_of(pipeline, "things", "") == HOSTILE[::-1]
    assert comment_of(pipeline, "things", "id") == HOSTILE
    assert comment_of(pipeline, "things", "plain") is None
    assert write_comments(pipeline) == 0
    with pipeline.sql_client() as client:
        client.execute_sql("comment on column anaplan_audit.things.id is null")
    assert write_comments(pipeline) == 1
    assert comment_of(pipeline, "things", "id") == HOSTILE


def test_a_change_of_models_yml_arrives_without_a_rebuild(loaded: Warehouse, short: Path) -> None:
    describe(short, "users_a_day", columns=["event_day", "user_id", "events"], description="New.", grain="one row",
             key=["event_day", "user_id"], nullable=["user_id"], day="event_day")  # fmt: skip
    assert loaded.enrich(short).rebuilt == []
    assert comment_of(loaded.enriched, "users_a_day", "") == "New. One row. Key: event_day, user_id."


def test_comments_of_a_duckdb_file_are_one_transaction(loaded: Warehouse) -> None:
    """One transaction waits for the disk once."""
    before = comment_of(loaded.enriched, "users_a_day", "")
    statements = [f"comment on table anaplan_audit.{name} is 'new'" for name in ("users_a_day", "nowhere")]
    with loaded.enriched.sql_client() as client, pytest.raises(DatabaseUndefinedRelation):
        engine_of(loaded.enriched).write_comments(client, statements)
    assert comment_of(loaded.enriched, "users_a_day", "") == before != "new"


def test_a_refusal_is_said_and_ends_nothing(loaded: Warehouse, monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []
    monkeypatch.setattr(comments.logger, "warning", said.append, raising=False)
    monkeypatch.setattr(DuckDb, "comment_catalogue", "select * from nowhere where '' in (%s, %s)")
    assert write_comments(loaded.enriched) == 0
    assert [line.partition(":")[0] for line in said] == ["Comments of dataset `anaplan_audit` were not written"]
