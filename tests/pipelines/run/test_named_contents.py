"""Every action, process and integration of an event has the name that its model or CloudWorks gives it."""

from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from sandbox.api.tokens import PASSWORD
from sandbox.server import Sandbox
from tests.conftest import Engine, Tenant
from tests.support.live_tenant import Company, LiveTenant
from tests.support.live_tenant.details_api import INTEGRATION
from tests.support.live_tenant.directory import ANNA, BEN, FINANCE, OLD, PLAN, SUPPLY
from tests.support.small_models import build_only, copy_models
from tests.support.truth import compare

FACTS = "anaplan_audit.fct_events"
KINDS = ("actions", "imports", "exports", "processes")


def listed_names(sandbox: Sandbox) -> dict[tuple[str, str], str]:
    """Return the names of all items by model and id, as the lists show them now."""
    contents = sandbox.state.contents
    models = [model for model in sandbox.company.models if model.state != "ARCHIVED"]
    return {
        (model.id, row["id"]): row["name"] for model in models for kind in KINDS for row in contents.rows(model, kind)
    }


def expected_action(event: dict[str, Any], names: dict[tuple[str, str], str]) -> tuple[str, str | None] | None:
    """Return id and name of the action that an event names."""
    attributes = event.get("additionalAttributes") or {}
    action = attributes.get("actionId")
    if action is None:
        return None
    if str(action) == "-1":
        return "-1", "unsaved action"
    # An export sends its own name.
    sent = attributes.get("name") if event["eventTypeId"] == "USR-36" else None
    return action, sent or names.get((event["objectId"].lower(), action))


@pytest.mark.usual_engine("duckdb")
def test_actions_and_integrations_have_the_names_that_the_sandbox_knows(
    tenant: Tenant, engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    build_only(copy_models(tmp_path / "models", ("fct_events", "fct_integration_runs")), monkeypatch)
    with Sandbox(events=1_500, days=6, users=12, rate_limit=0) as sandbox:
        tenant.at(sandbox.url, password=PASSWORD)
        tenant.set("HISTORY_DAYS", 6)
        tenant.set("MODEL_REQUESTS_PER_RUN", 5_000)
        outcome = tenant.run("run")
        assert (outcome.code, outcome.err) == (0, "")
        names = listed_names(sandbox)
        found = {
            number: row
            for number, *row in engine.rows(
                "select event_id, action_id, action_name, integration_id, integration_name, model_id, workspace_id,"
                f" workspace_name from {FACTS}"
            )
        }
        sent = [event for kind in ("usr", "int") for event in sandbox.state.store.truth(kind) if event["id"] in found]
        actions = {event["id"]: action for event in sent if (action := expected_action(event, names))}
        assert compare(
            [(number, *action) for number, action in actions.items()],
            [(number, *row[:2]) for number, row in found.items() if row[0] is not None],
        ).is_exact
        # The same id has other names in other models, and the lists name nearly everything.
        ids = Counter(action for _, action in names)
        assert max(ids.values()) > 1 and len({name for (_, action), name in names.items() if ids[action] > 1}) > 5
        assert len(actions) > 100 and sum(name is None for _, name in actions.values()) < len(actions) / 4

        integrations = {row["integrationId"]: row for row in sandbox.state.integrations.rows()}
        spaces = {space.id: space.name for space in sandbox.company.workspaces}
        runs = {
            event["id"]: integrations[subject]
            for event in sent
            if (subject := str(event.get("objectId") or "").lower()) in integrations
        }
        assert len(runs) > 3
        for number, row in runs.items():
            place = (row["modelId"].lower(), row["workspaceId"], spaces[row["workspaceId"]])
            assert tuple(found[number][2:]) == (row["integrationId"], row["name"], *place)
        of_runs = "select run_id, integration_name, outcome, triggered_by from anaplan_audit.fct_integration_runs"
        assert compare(
            [
                (run["id"], row["name"], "success" if run["success"] else "failure", run["triggeredBy"])
                for row in integrations.values()
                for run in sandbox.state.integrations.runs(row["integrationId"]) or ()
            ],
            engine.rows(of_runs),
        ).is_exact


@pytest.mark.long
def test_actions_of_a_live_like_tenant_belong_to_their_model(tenant: Tenant, duck: Engine) -> None:
    company = Company().live_through(1)
    at = company.now - 5 * 3_600_000
    run = {"object_kind": "model"}
    wanted = {
        (PLAN, "USR-20", "117000000001"): ("Delete old", "action", "named"),
        (SUPPLY, "USR-20", "117000000001"): ("Allocate", "action", "named"),
        (PLAN, "USR-51", "112000000001"): ("Load plan", "import", "named"),
        (PLAN, "USR-36", "116000000001"): ("Plan.csv", "export", "named"),
        (PLAN, "USR-41", "118000000001"): ("Nightly", "process", "named"),
        # No list of the model ever showed it; the lists of an archived model cannot be read.
        (SUPPLY, "USR-41", "118000000001"): (None, "process", "unknown"),
        (OLD, "USR-20", "117000000001"): (None, "action", "named"),
    }
    sent = {}
    for number, (model, code, action) in enumerate(wanted):
        happening = company.happen(code, at + number, "…", BEN, model.lower(), {"actionId": action}, **run)
        sent[happening.sent["id"]] = (model, code, action)
    with LiveTenant(company) as live:
        live.point(tenant.set)
        tenant.set("CREDENTIALS__EMAIL", "auditor@example.com")
        tenant.set("CREDENTIALS__PASSWORD", "Pässword: 100% right")
        tenant.set("PAGE_SIZE", 100)
        outcome = tenant.run("run")
        assert (outcome.code, outcome.err) == (0, "")
    ids = ", ".join(map(str, sent))
    columns = "event_id, action_name, action_kind, object_status"
    for number, *row in duck.rows(f"select {columns} from {FACTS} where event_id in ({ids})"):
        assert tuple(row) == wanted[sent[number]], sent[number]
    exports = "select user_name, export_name, export_format from anaplan_audit.fct_model_changes where export_name is not null"
    assert duck.rows(exports) == [("Ben Bauer", "Plan.csv", "text/csv")]
    # Events of CloudWorks carry only the id of the integration.
    place = f"select distinct integration_name, model_id, model_name, workspace_id, workspace_name from {FACTS}"
    assert duck.rows(f"{place} where integration_id = '{INTEGRATION}'") == [
        ("SAP to plan", PLAN.lower(), "Plan 2026", FINANCE, "Finance")
    ]
    failed = "select user_id, finding from anaplan_audit.security_findings where rule = 'integration_failed'"
    assert duck.rows(failed) == [(ANNA, "Integration SAP to plan failed 1 time in Plan 2026: No file")]
