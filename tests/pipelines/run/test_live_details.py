"""Contents of models, CloudWorks and SCIM on a tenant written from observations of live ones."""

from datetime import datetime, timezone
from typing import Any

import pytest

from tests.conftest import Engine, Tenant
from tests.support.live_tenant import Company, LiveTenant
from tests.support.live_tenant.details_api import INTEGRATION
from tests.support.live_tenant.directory import ANNA, BEN, FINANCE, LOST, OLD, OPERATIONS, PLAN, SUPPLY

RAW = "anaplan_audit_raw"


def use_password(tenant: Tenant, live: LiveTenant) -> None:
    live.point(tenant.set)
    tenant.set("CREDENTIALS__EMAIL", "auditor@example.com")
    tenant.set("CREDENTIALS__PASSWORD", "Pässword: 100% right")


def company_with_lost_model() -> Company:
    company = Company().live_through(1)
    company.models.append({**company.models[0], "id": LOST, "name": "Secret"})
    return company


def test_items_belong_to_their_model_and_pages_are_followed(tenant: Tenant, engine: Engine) -> None:
    company = company_with_lost_model()
    with LiveTenant(company) as live:
        use_password(tenant, live)
        outcome = tenant.run("load")
    assert (outcome.code, outcome.err) == (0, "") and "drift" not in outcome.out
    assert "contents  2 of 4 models read, 1 archived, 1 forbidden" in outcome.out
    assert engine.rows(f"select model_id, kind, action_id, name from {RAW}.model_actions order by 1, 2, 3") == [
        (PLAN, "action", "117000000001", "Delete old"),
        (PLAN, "action", "117000000002", "Copy"),
        (PLAN, "action", "117000000003", "Order"),
        (PLAN, "export", "116000000001", "Plan.csv"),
        (PLAN, "import", "112000000001", "Load plan"),
        (PLAN, "process", "118000000001", "Nightly"),
        (SUPPLY, "action", "117000000001", "Allocate"),
    ]
    assert engine.rows(f"select import_source_name from {RAW}.model_actions where kind = 'import'") == [("plan.xlsx",)]
    steps = f"select step_number, action_id, action_name, action_type from {RAW}.process_steps order by 1"
    assert engine.rows(steps) == [
        (1, "112000000001", "Load plan", "MODULE_DATA"),
        (2, "117000000001", "Delete old", "DELETE_BY_SELECTION"),
    ]
    statuses = engine.rows(f"select model_id, status from {RAW}.content_reads order by 1")
    assert statuses == [(PLAN, "read"), (SUPPLY, "read"), (OLD, "archived"), (LOST, "forbidden")]
    # An archived model is known from the list, and a closed one costs one request.
    below = [request.path for request in live.requests if f"/models/{OLD}/" in request.path]
    assert below == [] and sum(f"/models/{LOST}/" in request.path for request in live.requests) == 1
    assert engine.rows(f"select integration_id, name, model_id, workspace_id, created_by from {RAW}.integrations") == [
        (INTEGRATION, "SAP to plan", PLAN, FINANCE, "Anna Arndt")
    ]
    assert engine.rows(
        f"select run_id, integration_id, success, execution_error_code from {RAW}.integration_runs order by 1"
    ) == [
        ("run1", INTEGRATION, True, None),
        ("run2", INTEGRATION, False, "101"),
        ("run3", INTEGRATION, True, None),
    ]
    assert engine.rows(f"select user_id, workspace_id from {RAW}.user_entitlements order by 1, 2") == sorted(
        [(ANNA, FINANCE), (ANNA, OPERATIONS), (BEN, FINANCE)]
    )
    created = f"select created_at from {RAW}.scim_users where id = '{ANNA}'"
    assert engine.rows(created)[0][0] == datetime(2025, 1, 1, tzinfo=timezone.utc)


@pytest.mark.parametrize("cloudworks", [403, 452])
def test_without_roles_the_rest_is_loaded_and_each_role_is_named_once(
    tenant: Tenant, duck: Engine, cloudworks: int
) -> None:
    company = company_with_lost_model()
    with LiveTenant(company) as live:
        live.details.cloudworks, live.details.scim = cloudworks, 403
        use_password(tenant, live)
        outcome, checked = tenant.run("load"), tenant.run("check-access")
    for told in (outcome, checked):
        assert (told.code, told.err) == (0, "")
        assert told.out.count("the account lacks the role Restricted Integration User") == 1
        assert told.out.count("the account lacks the role User Administrator") == 1
    for table, number in (("model_actions", 7), ("integrations", 0), ("integration_runs", 0), ("scim_users", 0)):
        assert duck.rows(f"select count(*) from {RAW}.{table}") == [(number,)], table


def test_run_that_came_without_an_id_keeps_its_row_once_runs_are_listed(tenant: Tenant, duck: Engine) -> None:
    company = Company().live_through(1)
    with LiveTenant(company) as live:
        use_password(tenant, live)
        listed = live.details.runs.pop(INTEGRATION)
        assert tenant.run("load").code == 0
        start = int(datetime(2026, 11, 23, 1, tzinfo=timezone.utc).timestamp() * 1000)
        ids = f"select run_id from {RAW}.integration_runs order by 1"
        assert duck.rows(ids) == [(f"{INTEGRATION}/{start}",)]
        new = {
            **listed[0],
            "id": "run4",
            "startDate": "2026-11-24T01:00:00.000Z",
            "endDate": "2026-11-24T01:01:00.000Z",
        }
        live.details.runs[INTEGRATION] = [new, *listed]
        live.details.integrations[0]["latestRun"] = {key: new[key] for key in ("startDate", "endDate", "success")}
        assert tenant.run("load").code == 0
    assert duck.rows(ids) == [(f"{INTEGRATION}/{start}",), ("run1",), ("run2",), ("run4",)]


@pytest.mark.long
def test_steps_end_with_the_process_and_stay_if_they_cannot_be_read(tenant: Tenant, engine: Engine) -> None:
    company = Company().live_through(1)
    steps = f"select step_number, action_id from {RAW}.process_steps order by 1"
    with LiveTenant(company) as live:
        use_password(tenant, live)
        process = next(iter(live.details.steps))

        def load_changed(held: Any) -> list[Any]:
            live.details.steps[process] = held
            for model in company.models:
                model["lastSavedSerialNumber"] += 1
            assert tenant.run("load").code == 0
            return engine.rows(steps)

        held = live.details.steps[process]
        whole = load_changed(held)
        assert [action for _, action in whole] == [step["id"] for step in held]
        assert load_changed("no list of steps") == whole
        assert load_changed([]) == [(0, None)], "the row that marks a process without steps"
        assert load_changed(held[:1]) == whole[:1]


def test_integration_that_is_sent_twice_is_stored_once(tenant: Tenant, engine: Engine) -> None:
    company = Company().live_through(1)
    with LiveTenant(company) as live:
        use_password(tenant, live)
        (one,) = live.details.integrations
        live.details.integrations += [
            dict(one),
            {**one, "integrationId": INTEGRATION.upper(), "name": "Other spelling"},
        ]
        for _ in range(2):
            assert tenant.run("load").code == 0
    versions = f"select integration_id, name from {RAW}.integrations"
    assert engine.rows(versions) == [(INTEGRATION, one["name"])]
    assert engine.rows(f"select count(*), count(distinct run_id) from {RAW}.integration_runs") == [(3, 3)]
