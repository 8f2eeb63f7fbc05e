"""Contents of models, CloudWorks and entitlements: complete, frugal, and with the history of what changed."""

import json
import os
import re
import signal
from collections import Counter
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from sandbox.api.tokens import PASSWORD, WITHOUT
from sandbox.server import Sandbox
from tests.conftest import Engine, Tenant
from tests.support.children import Child
from tests.support.killing import kill_at

RAW = "anaplan_audit_raw"
KINDS = {"action": "actions", "import": "imports", "export": "exports", "process": "processes"}
BELOW_A_MODEL = re.compile(r"/2/0/models/([0-9A-Fa-f]+)/")


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(events=40, days=2, users=6, rate_limit=0) as running:
        yield running


@pytest.fixture
def at_sandbox(tenant: Tenant, sandbox: Sandbox) -> Tenant:
    tenant.at(sandbox.url, password=PASSWORD)
    tenant.set("HISTORY_DAYS", 2)
    return tenant


def load(tenant: Tenant) -> str:
    outcome = tenant.run("load")
    assert (outcome.code, outcome.err) == (0, "")
    return outcome.out


def requested(sandbox: Sandbox, since: int = 0) -> Counter[str]:
    """Return the number of requests by model (upper case), CloudWorks and SCIM."""
    found: Counter[str] = Counter()
    for request in sandbox.state.requests[since:]:
        below = BELOW_A_MODEL.match(request.path)
        service = "cloudworks" if "/cloudworks/" in request.path else "scim" if "/scim/" in request.path else None
        if below or service:
            found[below[1].upper() if below else str(service)] += 1
    return found


def open_models(sandbox: Sandbox) -> list[Any]:
    return [model for model in sandbox.company.models if model.state != "ARCHIVED"]


def held_actions(sandbox: Sandbox) -> list[tuple[Any, ...]]:
    """Return what the models hold now."""
    contents = sandbox.state.contents
    return sorted(
        (model.id.upper(), kind, row["id"], row["name"])
        for model in open_models(sandbox)
        for kind, name in KINDS.items()
        for row in contents.rows(model, name)
    )


def current_actions(engine: Engine) -> list[tuple[Any, ...]]:
    return engine.rows(
        f"select model_id, kind, action_id, name from {RAW}.model_actions "
        "where _dlt_valid_to is null and kind <> 'none' order by 1, 2, 3, 4"
    )


@pytest.mark.usual_engine("duckdb")
def test_everything_is_loaded_and_a_quiet_run_sends_few_requests(
    at_sandbox: Tenant, sandbox: Sandbox, engine: Engine
) -> None:
    out = load(at_sandbox)
    models = open_models(sandbox)
    number = len(sandbox.company.models)
    assert f"contents  {len(models)} of {number} models read" in out
    assert current_actions(engine) == held_actions(sandbox)
    details = engine.rows(
        "select import_type, import_source_id, import_source_name, export_type, export_format, export_encoding, "
        f"action_type, code from {RAW}.model_actions where model_id = '{models[0].id.upper()}'"
    )
    files = {row["id"]: row["name"] for row in sandbox.state.contents.rows(models[0], "files")}
    held = []
    for name in KINDS.values():
        for row in sandbox.state.contents.rows(models[0], name):
            source = row.get("importDataSourceId") or None
            held.append((row.get("importType"), source, files.get(source), row.get("exportType"),
                         row.get("exportFormat"), row.get("encoding"), row.get("actionType"), row.get("code")))  # fmt: skip
    assert sorted(map(repr, details)) == sorted(map(repr, held))
    steps = engine.rows(
        f"select model_id, process_id, step_number, action_id from {RAW}.process_steps order by 1, 2, 3"
    )
    assert steps == sorted(
        (model.id.upper(), process["id"], number, step["id"])
        for model in models
        for process in sandbox.state.contents.rows(model, "processes")
        for number, step in enumerate(sandbox.state.contents.process_steps(model, process["id"])[1], 1)  # type: ignore[index]
    )
    integrations = {row["integrationId"]: row for row in sandbox.state.integrations.rows()}
    assert engine.rows(
        f"select integration_id, name, model_id, created_by, schedule_type from {RAW}.integrations order by 1"
    ) == sorted(
        (key, row["name"], row["modelId"], row["createdBy"], row.get("schedule", {}).get("type"))
        for key, row in integrations.items()
    )
    runs = engine.rows(f"select run_id, integration_id, success, triggered_by from {RAW}.integration_runs order by 1")
    assert runs == sorted(
        (run["id"], key, run["success"], run["triggeredBy"])
        for key in integrations
        for run in sandbox.state.integrations.runs(key) or ()
    )
    assert engine.rows(f"select flow_id, name from {RAW}.integration_flows order by 1") == sorted(
        (row["id"], row["name"]) for row in sandbox.state.integrations.flows()
    )
    resources = sandbox.state.entitlements.resources("")
    assert engine.rows(f"select user_id, workspace_id from {RAW}.user_entitlements order by 1, 2") == sorted(
        (user["id"], one["value"]) for user in resources for one in user["entitlements"]
    )
    users = engine.rows(f"select id, user_name, created_at is not null from {RAW}.scim_users order by 1")
    assert users == sorted((user["id"], user["userName"], True) for user in resources)

    sent = len(sandbox.state.requests)
    load(at_sandbox)
    assert requested(sandbox, sent) == {"cloudworks": 2}
    assert current_actions(engine) == held_actions(sandbox)
    assert engine.rows(f"select count(*) from {RAW}.model_actions where _dlt_valid_to is not null") == [(0,)]


@pytest.mark.long
def test_only_changed_models_are_read_and_only_they_get_new_versions(
    at_sandbox: Tenant, sandbox: Sandbox, engine: Engine
) -> None:
    load(at_sandbox)
    renamed, emptied, *_ = open_models(sandbox)
    contents = sandbox.state.contents
    action = contents.rows(renamed, "actions")[0]
    contents.change(renamed.id, action["id"], name="Renamed")
    held_before = [row["id"] for name in KINDS.values() for row in contents.rows(emptied, name)]
    for item in held_before:
        contents.remove(emptied.id, item)
    sent = len(sandbox.state.requests)
    load(at_sandbox)
    assert requested(sandbox, sent).keys() == {renamed.id.upper(), emptied.id.upper(), "cloudworks"}
    assert current_actions(engine) == held_actions(sandbox)
    retired = f"select model_id, action_id, name from {RAW}.model_actions where _dlt_valid_to is not null"
    found = engine.rows(retired)
    assert {row for row in found if row[0] == renamed.id.upper()} == {
        (renamed.id.upper(), action["id"], action["name"])
    }
    assert Counter(row[1] for row in found if row[0] == emptied.id.upper()) == Counter(held_before)
    # The model is known as empty, and is not read again.
    none = f"select model_id from {RAW}.model_actions where kind = 'none' and _dlt_valid_to is null"
    assert engine.rows(none) == [(emptied.id.upper(),)]
    sent = len(sandbox.state.requests)
    load(at_sandbox)
    assert requested(sandbox, sent) == {"cloudworks": 2}


@pytest.mark.long
def test_no_run_exceeds_its_budget_and_the_next_ones_read_the_rest(
    at_sandbox: Tenant, sandbox: Sandbox, duck: Engine
) -> None:
    at_sandbox.set("MODEL_REQUESTS_PER_RUN", 12)
    numbers = []
    for _ in range(30):
        sent = len(sandbox.state.requests)
        out = load(at_sandbox)
        of_models = {key: count for key, count in requested(sandbox, sent).items() if key not in ("cloudworks", "scim")}
        numbers.append(sum(of_models.values()))
        if not of_models:
            break
    models = len(open_models(sandbox))
    assert numbers[-1] == 0 and max(numbers) <= 12 and len(numbers) > 4
    assert f"{models} of {len(sandbox.company.models)} models read" in out
    assert current_actions(duck) == held_actions(sandbox)
    lacking = f"select count(*) from {RAW}.content_reads where steps_read < process_count"
    assert duck.rows(lacking) == [(0,)]
    steps = sum(
        len(sandbox.state.contents.process_steps(model, process["id"])[1])  # type: ignore[index]
        for model in open_models(sandbox)
        for process in sandbox.state.contents.rows(model, "processes")
    )
    assert duck.rows(f"select count(*) from {RAW}.process_steps") == [(steps,)]
    status = at_sandbox.run("status")
    assert f"contents    {models} of {len(sandbox.company.models)} models read" in status.out


def not_read_once(tenant: Tenant, engine: Engine, out: str) -> str:
    """Return the only line about what a load left out. `status` shows it too, from the table `runs`."""
    [line] = [line for line in out.splitlines() if line.startswith("not read")]
    reason = line.removeprefix("not read").strip()
    status = tenant.run("status").out.splitlines()
    assert [line for line in status if line.startswith("not read")] == [f"not read    {reason}"]
    assert json.loads(tenant.run("status", "--json").out)["not_read"] == [reason]
    assert engine.rows(f"select not_read from {RAW}.runs order by started_at desc limit 1") == [(reason,)]
    return reason


@pytest.mark.long
@pytest.mark.parametrize(
    ("right", "reason", "access"),
    [
        ("models", "the account may not enter them (model role NO ACCESS)", "model role other than NO ACCESS"),
        ("workspaces", "the account sees no model. It needs a workspace, and", "access to the workspace"),
    ],
)
def test_account_without_models_is_told_what_it_needs(
    at_sandbox: Tenant, sandbox: Sandbox, duck: Engine, right: str, reason: str, access: str
) -> None:
    at_sandbox.set("CREDENTIALS__EMAIL", next(email for email, lacking in WITHOUT.items() if lacking == right))
    at_sandbox.set("CLOUDWORKS", "false")
    sandbox.state.settings.set(no_access_listed=True)
    assert reason in not_read_once(at_sandbox, duck, load(at_sandbox))
    checked = at_sandbox.run("check-access")
    assert access in checked.out and "Nothing is missing" not in checked.out
    for table in ("events", "users", "user_entitlements"):
        assert duck.rows(f"select count(*) > 0 from {RAW}.{table}") == [(True,)]


def test_failed_load_keeps_what_the_last_one_could_not_read(at_sandbox: Tenant, sandbox: Sandbox, duck: Engine) -> None:
    at_sandbox.set("MODEL_REQUESTS_PER_RUN", 0)
    sandbox.faults.add("cloudworks:role:*")
    reason = not_read_once(at_sandbox, duck, load(at_sandbox))
    sandbox.faults.add("auth:401:*")
    assert at_sandbox.run("load").code == 3
    assert f"not read    {reason}" in at_sandbox.run("status").out
    sandbox.faults.clear()
    assert "not read" not in load(at_sandbox) + at_sandbox.run("status").out


@pytest.mark.parametrize(
    ("right", "said", "empty"),
    [
        ("cloudworks", "role Restricted Integration User", "integrations"),
        ("user_administrator", "role User Administrator", "scim_users"),
    ],
)
def test_account_without_a_role_loads_everything_else_and_is_told_the_role(
    at_sandbox: Tenant, sandbox: Sandbox, duck: Engine, right: str, said: str, empty: str
) -> None:
    email = next(email for email, lacking in WITHOUT.items() if lacking == right)
    at_sandbox.set("CREDENTIALS__EMAIL", email)
    out = load(at_sandbox)
    line = not_read_once(at_sandbox, duck, out)
    assert said in line
    checked = at_sandbox.run("check-access")
    assert checked.code == 0 and checked.out.count(said) == 1 and "Nothing is missing" not in checked.out
    filled = {
        table: duck.rows(f"select count(*) from {RAW}.{table}")[0][0] > 0
        for table in ("model_actions", "integrations", "integration_runs", "user_entitlements", "scim_users")
    }
    assert not filled[empty] and filled["model_actions"]
    assert sum(filled.values()) == 3


def test_settings_switch_contents_and_cloudworks_off(at_sandbox: Tenant, sandbox: Sandbox, duck: Engine) -> None:
    at_sandbox.set("MODEL_REQUESTS_PER_RUN", 0)
    at_sandbox.set("CLOUDWORKS", "false")
    load(at_sandbox)
    assert requested(sandbox).keys() == {"scim"}
    for table in ("model_actions", "content_reads", "integrations", "integration_runs"):
        assert duck.rows(f"select count(*) from {RAW}.{table}") == [(0,)]


@pytest.mark.long
def test_integrations_that_shrank_sharply_are_not_applied(at_sandbox: Tenant, sandbox: Sandbox, duck: Engine) -> None:
    load(at_sandbox)
    first, *others = (one.id for one in sandbox.company.integrations)
    for integration_id in others:
        sandbox.remove_integration(integration_id)
    refused = at_sandbox.run("load")
    assert refused.code == 5 and f"list of integrations: 1 of {len(others) + 1} records are left" in refused.err
    current = f"select lower(integration_id) from {RAW}.integrations where _dlt_valid_to is null"
    assert {row[0] for row in duck.rows(current)} == {first, *others}
    accepted = at_sandbox.run("load", "--accept-directory")
    assert (accepted.code, accepted.err) == (0, "")
    assert duck.rows(current) == [(first,)]


def test_closed_model_is_remembered_and_keeps_what_was_known(
    at_sandbox: Tenant, sandbox: Sandbox, duck: Engine
) -> None:
    load(at_sandbox)
    before = current_actions(duck)
    closed = open_models(sandbox)[0]
    sandbox.state.settings.set(no_access_listed=True)
    sandbox.state.closed_models.add(closed.id)
    action = sandbox.state.contents.rows(closed, "actions")[0]
    sandbox.state.contents.change(closed.id, action["id"], name="Hidden")
    sent = len(sandbox.state.requests)
    out = load(at_sandbox)
    # A refused model costs one request, once.
    assert requested(sandbox, sent)[closed.id.upper()] == 1
    assert "not read  contents of 1 model: the account may not enter" in out
    assert current_actions(duck) == before
    status = duck.rows(f"select status from {RAW}.content_reads where lower(model_id) = '{closed.id}'")
    assert status == [("forbidden",)]
    sent = len(sandbox.state.requests)
    assert "contents of 1 model" in load(at_sandbox)
    assert requested(sandbox, sent) == {"cloudworks": 2}


@pytest.mark.usual_engine("duckdb")
@pytest.mark.parametrize("when", [pytest.param("before", marks=pytest.mark.long), "after"])
def test_run_killed_while_the_contents_are_written_doubles_and_loses_nothing(
    at_sandbox: Tenant, sandbox: Sandbox, engine: Engine, when: str, tmp_path: Path
) -> None:
    """The second package of a first run holds the contents. Rows of a load that was not completed do not count."""
    prepare = [(kill_at, "dlt.load.load:Load.complete_package", when, 2)]
    killed = Child(tmp_path, dict(os.environ), ["load"], prepare).end()
    assert killed.code == -signal.SIGKILL, killed.err
    # The events were stored before the contents were read.
    assert engine.rows(f"select count(*) > 10 from {RAW}.events") == [(True,)]
    sent = len(sandbox.state.requests)
    load(at_sandbox)
    again = set(requested(sandbox, sent)) - {"cloudworks", "scim"}
    assert again == ({model.id.upper() for model in open_models(sandbox)} if when == "before" else set())
    assert current_actions(engine) == held_actions(sandbox)
    for table, key in (
        ("model_actions", "model_id, kind, action_id"),
        ("process_steps", "model_id, process_id, step_number"),
        ("content_reads", "model_id"),
        ("integrations", "integration_id"),
        ("integration_runs", "run_id"),
        ("user_entitlements", "user_id, workspace_id"),
        ("scim_users", "id"),
    ):
        rows = f"select count(*), count(distinct ({key})) from {RAW}.{table}"
        [(number, distinct)] = engine.rows(rows)
        assert number == distinct > 0, table
    for table in ("model_actions", "integrations", "user_entitlements"):
        assert engine.rows(f"select count(*) from {RAW}.{table} where _dlt_valid_to is not null") == [(0,)], table


@pytest.mark.long
def test_purge_removes_old_runs_of_integrations_and_no_run_loads_them_again(
    at_sandbox: Tenant, sandbox: Sandbox, duck: Engine
) -> None:
    load(at_sandbox)
    [(newest, number)] = duck.rows(f"select max(started_at), count(*) from {RAW}.integration_runs")
    assert number > 0
    day = newest.date() if newest.date() == date.today() else newest.date() + timedelta(days=1)
    kept = f"select count(*) from {RAW}.integration_runs where started_at >= timestamptz '{day} 00:00:00+00'"
    expected = duck.rows(kept)
    outcome = at_sandbox.run("purge", "--before", str(day), "--yes")
    assert outcome.code == 0, outcome.err
    load(at_sandbox)
    assert duck.rows(f"select count(*) from {RAW}.integration_runs") == expected
