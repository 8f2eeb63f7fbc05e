"""Model history through the whole pipeline: every row once, only new ones the next time, failures that cost one model."""

import json
import signal
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest

from sandbox.server import Sandbox
from sandbox.world.company import Model
from tests.conftest import Engine, Tenant
from tests.support.killing import kill_at
from tests.support.older_database import make_older, newest_schema
from tests.support.places import place
from tests.support.stored_history import history_rows, small_loads, stored_history

NOW = 1_795_000_000_000
SMALL: dict[str, Any] = {"events": 40, "days": 2, "users": 6, "rate_limit": 0, "history_rows_a_day": 1.0}
HISTORY = "anaplan_audit_raw.model_history"
READS = "anaplan_audit_raw.model_history_reads"


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(clock_ms=NOW, history_chunk_rows=150, **SMALL) as running:
        yield running


@pytest.fixture
def at(tenant: Tenant, sandbox: Sandbox) -> Tenant:
    return tenant.at(sandbox.url, password="sandbox")


def exporting(sandbox: Sandbox) -> list[Model]:
    return [model for model in sandbox.company.models if sandbox.state.contents.has_history_export(model)]


def statuses(engine: Engine) -> dict[str, str]:
    return dict(engine.rows(f"select model_id, status from {READS} where status <> 'no_export'"))


def expect_all(sandbox: Sandbox, engine: Engine) -> None:
    assert stored_history(engine) == history_rows(sandbox)


def test_all_rows_are_loaded_and_then_only_new_ones(at: Tenant, engine: Engine, sandbox: Sandbox) -> None:
    sandbox.settings.export_polls = 3
    first = at.run("model-history")
    assert (first.code, first.err) == (0, "")
    number, models = sum(history_rows(sandbox).values()), len(exporting(sandbox))
    assert f"history   {number:,} new rows from {models} models" in first.out
    expect_all(sandbox, engine)
    loads = dict(engine.rows(f"select history_row_id, _dlt_load_id from {HISTORY}"))
    asked = len(sandbox.requests)
    # Equal rows, texts with line breaks and cells of columns that are not known were among them.
    assert max(history_rows(sandbox).values()) > 1
    assert engine.rows(f"select count(*) > 5 from {HISTORY} where new_value like '%' || chr(10) || '%'") == [(True,)]
    [(others,)] = engine.rows(
        f"select cast(other_columns as text) from {HISTORY} where other_columns is not null limit 1"
    )
    assert json.loads(others)

    again = at.run("model-history")
    assert (again.code, again.err) == (0, "") and f"history   0 new rows from {models} models" in again.out
    # Models without such an export are not asked again.
    assert len(sandbox.requests) < 2 * asked
    sandbox.advance(days=9)
    later = at.run("model-history")
    assert (later.code, later.err) == (0, "")
    new = sum(history_rows(sandbox).values()) - number
    assert (
        new > 20 and f"history   {new:,} new rows from {models} models" in later.out and "as a whole" not in later.out
    )
    expect_all(sandbox, engine)
    now = dict(engine.rows(f"select history_row_id, _dlt_load_id from {HISTORY}"))
    assert {row_id: now.get(row_id) for row_id in loads} == loads and len(now) == len(loads) + new
    assert set(statuses(engine).values()) == {"complete"}
    runs = "select exit_code, history_rows, history_seconds > 0 from anaplan_audit_raw.runs order by started_at"
    assert engine.rows(runs) == [(0, number, True), (0, 0, True), (0, new, True)]


@pytest.mark.usefixtures("few_models")
def test_history_of_an_older_version_keeps_its_rows_under_the_new_name_of_their_key(
    at: Tenant, engine: Engine, sandbox: Sandbox
) -> None:
    assert at.run("model-history").code == 0
    query = f"select history_row_id, model_id, _dlt_load_id from {HISTORY} order by 1"
    before = engine.rows(query)
    # As before DuckLake reserved the name of the key, and without a column that was added since.
    schema = newest_schema(engine)
    columns = schema["tables"]["model_history"]["columns"]
    columns["row_id"] = {**columns.pop("history_row_id"), "name": "row_id"}
    del columns["loaded_at"]
    renamed = f"alter table {HISTORY} rename column history_row_id to row_id"
    make_older(engine, schema, renamed, f"alter table {HISTORY} drop column loaded_at")

    # Any command brings the tables up to date.
    outcome = at.run("check")
    assert outcome.code == 2 and "the enriched tables are not built yet" in outcome.err
    assert engine.rows(query) == before
    sandbox.advance(days=9)
    assert at.run("model-history")[::2] == (0, "")
    expect_all(sandbox, engine)
    assert before and {*before} < {*engine.rows(query)}
    assert "row_id" not in newest_schema(engine)["tables"]["model_history"]["columns"]
    if engine.kind == "postgres":
        # By the last one, an hour finds the new rows. The older version had none.
        indexes = engine.rows("select indexname from pg_indexes where tablename = 'model_history' order by 1")
        columns = ("change_day", "history_row_id", "loaded_at")
        assert indexes == [(f"model_history_by_{column}",) for column in columns]
    # Tables that were never loaded are created as a whole.
    assert at.run("load")[::2] == (0, "")


def test_any_load_creates_the_tables(at: Tenant, duck: Engine, sandbox: Sandbox) -> None:
    assert at.run("load").code == 0
    assert duck.rows(f"select (select count(*) from {HISTORY}), (select count(*) from {READS})") == [(0, 0)]
    # The load lists the exports of models, but runs none.
    assert not any("/tasks" in request.path or "/chunks" in request.path for request in sandbox.requests)
    assert at.run("model-history").code == 0
    expect_all(sandbox, duck)


@pytest.mark.long
@pytest.mark.usefixtures("few_models")
def test_run_loads_model_history_if_it_is_set(at: Tenant, duck: Engine, sandbox: Sandbox) -> None:
    at.set("MODEL_HISTORY", "true")
    sandbox.faults.add("tasks:task-failed")
    outcome = at.run("run")
    assert outcome.code == 5 and outcome.err.count("\n") == 1 and "Anaplan reports that it failed" in outcome.err
    assert "checks passed" in outcome.out and "history " in outcome.out.splitlines()[-1]
    assert at.run("run")[::2] == (0, "")
    expect_all(sandbox, duck)


@pytest.mark.long
@pytest.mark.parametrize(
    ("fault", "code", "status", "says"),
    [
        ("tasks:task-failed", 5, "failed", "Anaplan reports that it failed"),
        ("tasks:task-cancelled", 5, "cancelled", "somebody cancelled it"),
        ("tasks:task-hangs", 5, "slow", "it has not ended within 20 seconds"),
        ("tasks:400", 4, "failed", "HTTP 400 FAILURE"),
        *(
            pytest.param(*others, marks=pytest.mark.variant)
            for others in (
                ("tasks:task-unsuccessful", 5, "failed", "Anaplan reports that it failed"),
                ("tasks:409", 4, "failed", "HTTP 409 FAILURE"),
                ("tasks:task-without-id", 4, "failed", "no id of a task"),
            )
        ),
    ],
)
def test_failed_export_costs_one_model_once(
    at: Tenant, duck: Engine, sandbox: Sandbox, fault: str, code: int, status: str, says: str
) -> None:
    at.set("MODEL_HISTORY_TIMEOUT", 20)
    sandbox.faults.add(fault)
    outcome = at.run("model-history")
    assert outcome.code == code and outcome.err.count("\n") == 1 and says in outcome.err
    found = statuses(duck)
    assert Counter(found.values()) == {status: 1, "complete": len(exporting(sandbox)) - 1}
    failed = next(model_id for model_id, one in found.items() if one == status)
    assert duck.rows(f"select error like '%{says}%', row_count from {READS} where model_id = '{failed}'") == [
        (True, None)
    ]
    assert len({row[0] for row in stored_history(duck)}) == len(exporting(sandbox)) - 1
    assert at.run("model-history")[::2] == (0, "")
    expect_all(sandbox, duck)
    assert set(statuses(duck).values()) == {"complete"}


@pytest.mark.long
@pytest.mark.parametrize(
    ("fault", "code"),
    [
        ("chunks:half-body:2", 0),
        ("chunks:html:*:skip=5", 4),
        ("contents:404:1", 0),
        *(
            pytest.param(*others, marks=pytest.mark.variant)
            for others in (("chunks:gzip:*", 0), ("polls:500:2", 0), ("chunks:204:1:skip=3", 4))
        ),
    ],
)
def test_faults_of_requests_lose_nothing(at: Tenant, duck: Engine, sandbox: Sandbox, fault: str, code: int) -> None:
    sandbox.faults.add(fault)
    outcome = at.run("model-history")
    assert outcome.code == code, outcome
    assert sandbox.faults.active[0].done
    sandbox.faults.clear()
    if "404" in fault:
        assert "audit: model history: the account has no access to 1 model." in outcome.err
        # It is asked again after a day only.
        for moment in ("now", "later"):
            assert ("forbidden" in statuses(duck).values()) == (moment == "now")
            if moment == "now":
                assert at.run("model-history")[::2] == (0, "")
                _make_older(duck)
                assert at.run("model-history").code == 0
    assert at.run("model-history")[::2] == (0, "")
    expect_all(sandbox, duck)


def _make_older(engine: Engine) -> None:
    import duckdb

    with duckdb.connect(engine.address) as connection:
        connection.execute(f"update {READS} set read_at = read_at - interval 2 day")


def test_rows_that_were_deleted_in_the_destination_are_loaded_again(at: Tenant, duck: Engine, sandbox: Sandbox) -> None:
    assert at.run("model-history").code == 0
    import duckdb

    with duckdb.connect(duck.address) as connection:
        connection.execute(f"delete from {HISTORY} where new_value is not null")
    assert at.run("model-history")[::2] == (0, "")
    expect_all(sandbox, duck)


def test_dry_run_lists_the_models_that_the_settings_select(at: Tenant, sandbox: Sandbox, database: Any) -> None:
    models = exporting(sandbox)
    outcome = at.run("model-history", "--dry-run")
    assert (outcome.code, outcome.err) == (0, "")
    assert f"\n{len(models)} models with a history export\n" in outcome.out
    listed = {model.id for model in models if f"(model {model.id.upper()}, export 116" in outcome.out}
    assert listed == {model.id for model in models} and not database.exists()
    at.set("MODEL_HISTORY_MODELS", json.dumps([models[0].id, models[1].name.upper(), "no such model"]))
    at.set("MODEL_HISTORY_EXCLUDE", json.dumps([models[0].name]))
    some = at.run("model-history", "--dry-run")
    assert some.err.count("\n") == 1 and "no model with the name or id `no such model`" in some.err
    assert models[1].id.upper() in some.out and "1 model with a history export" in some.out
    at.set("MODEL_HISTORY_EXPORT", "no such export")
    assert at.run("model-history", "--dry-run").out == "0 models with a history export\n"
    assert not any(request.method == "POST" and "/exports" in request.path for request in sandbox.requests)
    at.set("MODEL_HISTORY_TIMEOUT", 0)
    assert at.run("model-history", "--dry-run").code == 2


@pytest.mark.long
@pytest.mark.parametrize("how", ["hash", "drop"])
def test_privacy_reaches_every_column(at: Tenant, duck: Engine, sandbox: Sandbox, how: str) -> None:
    at.set("PRIVACY", how)
    at.set("PRIVACY_KEY", "k" * 20)
    assert at.run("model-history").code == 0
    number = sum(history_rows(sandbox).values())
    [(users, targets, values)] = duck.rows(
        f"select count(user_name), count(target_user), count(coalesce(previous_value, new_value)) from {HISTORY}"
    )
    assert (users, targets > 0, values > 0) == ((number, True, True) if how == "hash" else (0, False, False))
    texts = str(duck.rows(f"select * from {HISTORY}"))
    assert "@" not in texts and not any(user["email"] in texts for user in sandbox.users())
    # Rows are recognised by what is stored, and a change of the setting doubles none.
    assert "history   0 new rows" in at.run("model-history").out
    at.set("PRIVACY", "keep")
    again = at.run("model-history")
    assert "history   0 new rows" in again.out and "as a whole" not in again.out
    assert duck.rows(f"select count(*) from {HISTORY}") == [(number,)]


@pytest.mark.long
@pytest.mark.usefixtures("few_models")
def test_purged_history_is_not_loaded_again(at: Tenant, duck: Engine, sandbox: Sandbox) -> None:
    assert at.run("load").code == at.run("model-history").code == 0
    [(day, before, number)] = duck.rows(
        "select d, (select count(*) from anaplan_audit_raw.model_history where change_day < d), count(*) from "
        f"(select cast(quantile_disc(change_day, 0.6) as date) as d from {HISTORY}), {HISTORY} group by 1"
    )
    assert 0 < before < number
    purged = at.run("purge", "--before", str(day), "--yes")
    assert purged.code == 0 and f"{before:>14,}  model_history" in purged.out
    for _ in range(2):
        outcome = at.run("model-history")
        assert outcome.code == 0 and "history   0 new rows" in outcome.out
        assert duck.rows(f"select count(*), min(change_day) >= date '{day}' from {HISTORY}") == [
            (number - before, True)
        ]
    # The second time, what is left is known.
    assert "as a whole" not in outcome.out


@pytest.mark.long
@pytest.mark.parametrize(
    ("function", "when", "number"),
    [
        # After the rows of a load are stored, before dlt knows.
        ("pipelines.warehouse.duckdb.merge:_MergeJob._merge", "after", 2),
        # While a file is read. `tests/torture/test_all_history_kills.py` has every moment.
        pytest.param("audit_source.directory.history_reader:_Pass._row_ids", "before", 4, marks=pytest.mark.variant),
    ],
)
def test_next_run_completes_a_killed_one(
    sandbox: Sandbox, tmp_path: Any, function: str, when: str, number: int
) -> None:
    models = exporting(sandbox)[:2]
    only = {"model_history_models": json.dumps([model.id for model in models])}
    where = place("duckdb", tmp_path / "killed", sandbox.url, None, **only)
    killed = where.run("model-history", prepare=[(small_loads, 800), (kill_at, function, when, number)])
    assert killed.code == -signal.SIGKILL, killed
    assert 0 < sum(stored_history(where.engine).values()) < sum(history_rows(sandbox, models).values())
    ended = where.run("model-history")
    assert (ended.code, ended.err) == (0, ""), ended
    assert stored_history(where.engine) == history_rows(sandbox, models)
