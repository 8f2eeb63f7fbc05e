"""A database of an earlier version, which kept a field as text that has a declared type now."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import dlt
import pytest

from pipelines.warehouse import renamed_columns
from pipelines.warehouse.dlt_internals import keep_schema
from sandbox.server import Sandbox
from tests.conftest import Engine, Tenant
from tests.support.older_database import make_older, newest_schema

MODELS = "anaplan_audit_raw.models"
# How the earlier version wrote values of fields that it did not know.
TEXTS = {"last_saved_serial_number": "cast({0} as varchar)", "model_transaction_running": "lower(cast({0} as varchar))"}
QUERY = f"select id, name, {', '.join(f'{{0[{number}]}}' for number in range(len(TEXTS)))} from {MODELS}"


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(events=200, users=12, rate_limit=0) as running:
        yield running


@pytest.fixture
def older(tenant: Tenant, engine: Engine, sandbox: Sandbox) -> Tenant:
    at = tenant.at(sandbox.url, password="sandbox")
    assert at.run("load").code == 0
    schema, statements = newest_schema(engine), []
    for name, text in TEXTS.items():
        schema["tables"]["models"]["columns"][name]["data_type"] = "text"
        statements += [
            f"alter table {MODELS} rename column {name} to typed",
            f"alter table {MODELS} add column {name} varchar",
            f"update {MODELS} set {name} = {text.format('typed')}",
            f"alter table {MODELS} drop column typed",
        ]
    make_older(engine, schema, *statements)
    return at


def texts(engine: Engine, suffix: str = "", where: str = "") -> list[tuple[Any, ...]]:
    return engine.rows(f"{QUERY.format([name + suffix for name in TEXTS])} {where} order by id")


@pytest.mark.usual_engine("duckdb")
def test_old_rows_keep_their_text_and_new_rows_have_the_declared_type(
    older: Tenant, engine: Engine, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = texts(engine)
    # The API names no transaction of an archived model.
    (old_id, _, serial, _), *_ = (row for row in before if row[3] == "false")
    models = [replace(one, name="Renamed") if one.id.upper() == old_id else one for one in sandbox.company.models]
    monkeypatch.setattr(sandbox.company, "models", models)

    for _ in range(2):
        outcome = older.run("load")
        assert (outcome.code, outcome.err) == (0, "")

    assert texts(engine, "_as_text", "where name <> 'Renamed'") == before
    assert texts(engine, where="where name = 'Renamed'") == [(old_id, "Renamed", int(serial), False)]
    columns = newest_schema(engine)["tables"]["models"]["columns"]
    assert [columns[name]["data_type"] for name in TEXTS] == ["bigint", "bool"]


@pytest.mark.usual_engine("duckdb")
@pytest.mark.parametrize("number", [1, 2])
def test_interrupted_change_is_completed(
    older: Tenant, engine: Engine, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    before, kept = texts(engine), []

    def interrupted(pipeline: dlt.Pipeline) -> None:
        kept.append(pipeline)
        if len(kept) == number:
            raise OSError("interrupted")
        keep_schema(pipeline)

    with monkeypatch.context() as patch:
        patch.setattr(renamed_columns, "keep_schema", interrupted)
        assert older.run("load").code == 1

    outcome = older.run("load")
    assert (outcome.code, outcome.err) == (0, "")
    assert texts(engine, "_as_text") == before and texts(engine) != before
