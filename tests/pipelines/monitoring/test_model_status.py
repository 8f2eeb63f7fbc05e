"""How much of the inside of models is read: `check-access` before a load, `status` after it."""

from collections.abc import Iterator

import pytest

from sandbox.server import Sandbox
from tests.conftest import Engine, Tenant
from tests.support.status_command import status
from tests.support.stored_history import history_rows

NOW = 1_795_000_000_000


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(clock_ms=NOW, events=40, days=2, users=6, rate_limit=0, history_rows_a_day=1.0) as running:
        yield running


@pytest.fixture
def at(tenant: Tenant, sandbox: Sandbox) -> Tenant:
    tenant.set("HISTORY_DAYS", 2)
    return tenant.at(sandbox.url, password="sandbox")


@pytest.mark.long
@pytest.mark.usual_engine("duckdb")
def test_status_shows_the_progress_inside_models(at: Tenant, engine: Engine, sandbox: Sandbox) -> None:
    models = [model for model in sandbox.company.models if model.state != "ARCHIVED"]
    exporting = [model for model in models if sandbox.state.contents.has_history_export(model)]
    at.set("MODEL_REQUESTS_PER_RUN", 60)
    assert "waiting" in at.run("load").out
    told = status(at)[1]
    found = told["contents"]
    assert found["models"] == len(models)
    assert 0 < found["waiting"] == len(models) - found["read"]
    assert f"{found['read']} of {found['models']} models read, {found['waiting']} waiting" in (at.run("status").out)
    assert 0 < told["model_history"]["models_with_export"] < len(exporting)
    assert told["model_history"]["models_loaded"] == told["model_history"]["rows"] == 0

    at.set("MODEL_REQUESTS_PER_RUN", 1000)
    sandbox.faults.add("contents:404:1")
    at.run("load")
    told = status(at)[1]
    assert (told["contents"]["forbidden"], told["contents"]["waiting"]) == (1, 0)
    assert "1 forbidden\n" in at.run("status").out and "waiting" not in at.run("status").out

    sandbox.faults.add("tasks:task-failed")
    assert at.run("model-history").code == 5
    told = status(at)[1]["model_history"]
    number = engine.rows("select count(*) from anaplan_audit_raw.model_history")[0][0]
    failure = told.pop("last_failure")
    newest = told.pop("newest_change")
    assert told == {
        "models_with_export": len(exporting),
        "models_loaded": len(exporting) - 1,
        "models_failed": 1,
        "rows": number,
    }
    assert newest[:10] == max(row[1] for row in history_rows(sandbox))[:10]
    assert failure["model_name"] in {model.name for model in exporting} and failure["status"] == "failed"
    shown = at.run("status").out
    assert f"history     {len(exporting) - 1} of {len(exporting)} models with an export loaded, 1 failed, " in shown
    assert f", `{failure['model_name']}`: history export of model" in shown

    assert at.run("model-history").code == 0
    assert status(at)[1]["model_history"]["last_failure"] is None
    assert " failed" not in at.run("status").out.split("Last runs")[0]


def test_check_access_tries_a_few_models_for_their_history(at: Tenant, sandbox: Sandbox) -> None:
    sent = len(sandbox.requests)
    outcome = at.run("check-access")
    assert (outcome.code, outcome.err) == (0, "")
    tried = [request.path for request in sandbox.requests[sent:] if request.path.endswith("/exports")]
    assert len(tried) == 10
    models = {model.id.upper(): model for model in sandbox.company.models}
    exporting = sum(sandbox.state.contents.has_history_export(models[path.split("/")[-2]]) for path in tried)
    assert 0 < exporting < 10
    assert "contents    10 of 10 models that were tried can be entered\n" in outcome.out
    assert f"history     {exporting} of 10 models that were tried can export their history." in outcome.out
    at.set("MODEL_HISTORY_EXPORT", "no such export")
    assert "history     0 of 10 " in at.run("check-access").out


@pytest.mark.parametrize(
    ("fault", "says"),
    [
        (
            "contents:404:2",
            "contents    8 of 10 models that were tried can be entered. Names of actions need a model role",
        ),
        (
            "contents:423:2",
            "contents    8 of 10 models that were tried can be entered, 2 failed (HTTP 423 FAILURE, it is locked)\n",
        ),
        ("contents:403:*", "contents    refused: none of 10 models that were tried can be entered. "),
        ("contents:503:*", "HTTP 503 after every try"),
    ],
)
def test_check_access_tells_a_closed_model_from_a_failing_one(
    at: Tenant, sandbox: Sandbox, fault: str, says: str
) -> None:
    sandbox.faults.add(fault)
    outcome = at.run("check-access")
    assert (outcome.code, outcome.err) == (0, "") and says in outcome.out
    assert "Nothing is missing" not in outcome.out
    assert sandbox.faults.active[0].done <= 20
