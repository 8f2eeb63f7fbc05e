"""CloudWorks: integrations and their runs, which are the INT events of the log."""

import re
from collections import Counter
from datetime import datetime
from typing import Any

import pytest

from sandbox.server import Sandbox
from sandbox.world.clock import DAY

from .conftest import NOW, Client

CLOUDWORKS = "/2/0/integrations"
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")
SOURCES = {"scheduled", "manual", "scheduled_inf", "manual_inf", "nux_dashboard"}


def integrations(client: Client, **params: Any) -> list[dict[str, Any]]:
    answer = client.get(CLOUDWORKS, params=params)
    assert answer.status_code == 200, answer.text
    return answer.json()["integrations"]


def runs(client: Client, integration_id: str) -> list[dict[str, Any]]:
    return client.get(f"{CLOUDWORKS}/runs/{integration_id}").json()["history_of_runs"]["runs"]


def executions(sandbox: Sandbox) -> list[dict[str, Any]]:
    return [event for event in sandbox.truth("int") if event["eventTypeId"] == "INT-06"]


def test_integrations_have_the_documented_fields(shared: Sandbox, reader: Client) -> None:
    rows = integrations(reader)
    assert len(rows) == 5 and {row["integrationType"] for row in rows} == {"Import", "Export", "Process"}
    always = {
        "integrationId", "name", "integrationType", "createdBy", "creationDate", "modificationDate", "modifiedBy",
        "modelId", "workspaceId", "processId", "nuxVisible", "notificationId", "latestRun",
    }  # fmt: skip
    assert all(always <= set(row) <= always | {"schedule"} for row in rows)
    models = {model.id.upper(): model for model in shared.company.models}
    for row in rows:
        assert re.fullmatch("[0-9a-f]{32}", row["integrationId"])
        assert models[row["modelId"]].workspace.id == row["workspaceId"]
        assert TIME.fullmatch(row["creationDate"]) and row["modificationDate"] >= row["creationDate"]
        listed = reader.get(f"/2/0/models/{row['modelId']}/processes").json()["processes"]
        assert (row["processId"] in {one["id"] for one in listed}) == (row["integrationType"] == "Process")
    assert {"enabled", "disabled"} == {row["schedule"]["status"] for row in rows if "schedule" in row}


def test_both_addresses_answer_the_same(reader: Client) -> None:
    for path in ("integrations", "integrationflows"):
        assert reader.get(f"/cloudworks/2/0/{path}").json() == reader.get(f"/2/0/{path}").json()
    first = integrations(reader)[0]["integrationId"]
    below = f"integrations/runs/{first}"
    assert reader.get(f"/cloudworks/2/0/{below}").json() == reader.get(f"/2/0/{below}").json()


def test_each_execution_in_the_log_is_one_run(shared: Sandbox, reader: Client) -> None:
    told = [(e["objectId"], e["eventDate"], e["success"]) for e in executions(shared)]
    found, ids = [], []
    for row in integrations(reader):
        listed = runs(reader, row["integrationId"])
        assert all(
            set(run) == {"id", "lastRun", "startDate", "endDate", "success", "message", "executionErrorCode",
                         "triggeredBy", "triggerSource", "traceId"}
            for run in listed
        )  # fmt: skip
        assert [run["endDate"] for run in listed] == sorted((run["endDate"] for run in listed), reverse=True)
        newest = {key: listed[0][key] for key in row["latestRun"]}
        assert newest == row["latestRun"]
        found += [(row["integrationId"], run["lastRun"], run["success"]) for run in listed]
        ids += [run["id"] for run in listed]
        for run in listed:
            end = datetime.fromisoformat(run["endDate"].replace("Z", "+00:00")).timestamp() * 1000
            assert round(end) == run["lastRun"] and run["startDate"] < run["endDate"]
            assert (run["executionErrorCode"] is None) == run["success"] and run["triggerSource"] in SOURCES
    assert len(told) > 40 and sorted(found) == sorted(told)
    assert len(set(ids)) == len(ids)


def test_one_integration_fails_often_and_the_others_rarely(shared: Sandbox, reader: Client) -> None:
    failed = Counter()
    total = Counter()
    for event in executions(shared):
        total[event["objectId"]] += 1
        failed[event["objectId"]] += not event["success"]
    (often,) = [row["integrationId"] for row in integrations(reader) if row["name"] == "CRM sync"]
    assert failed[often] / total[often] > 0.25
    assert (failed.total() - failed[often]) / (total.total() - total[often]) < 0.15


def test_events_of_integrations_tell_their_id_and_nothing_else(shared: Sandbox, reader: Client) -> None:
    known = {row["integrationId"] for row in integrations(reader)}
    events = [e for e in shared.truth("int") if e["eventTypeId"] in ("INT-04", "INT-06")]
    assert {e["eventTypeId"] for e in events} == {"INT-04", "INT-06"}
    assert {e["objectId"] for e in events} == known
    assert all(not e["additionalAttributes"] for e in events)
    pipelines = {e["objectId"] for e in shared.truth("int") if e["eventTypeId"] == "INT-61"}
    assert pipelines and not pipelines & known


def test_runs_grow_with_the_days_and_with_events(sandbox: Sandbox, client: Client) -> None:
    one = integrations(client)[0]["integrationId"]
    before = runs(client, one)
    sandbox.add_events([{"eventTypeId": "INT-06", "objectId": one, "eventDate": NOW, "success": False, "userId": "x"}])
    assert (runs(client, one)[1:], runs(client, one)[0]["success"]) == (before, False)
    assert integrations(client)[0]["latestRun"]["executionErrorCode"] is not None
    sandbox.advance(days=10)
    with Client(sandbox) as later:
        after = runs(later, one)
    kept = [run for run in before if run["lastRun"] >= NOW - 20 * DAY]
    assert len(after) > len(kept) and {run["id"] for run in kept} < {run["id"] for run in after}


def test_runs_by_hand_name_the_person(shared: Sandbox, reader: Client) -> None:
    listed = [run for row in integrations(reader) for run in runs(reader, row["integrationId"])]
    people = {f"{user['firstName']} {user['lastName']}" for user in shared.users()}
    by_hand = [run for run in listed if run["triggerSource"] in ("manual", "manual_inf", "nux_dashboard")]
    assert by_hand and {run["triggeredBy"] for run in by_hand} <= people


def test_lists_are_paged_and_sorted(client: Client) -> None:
    names = [row["name"] for row in integrations(client)]
    assert [row["name"] for row in integrations(client, sortBy="name")] == sorted(names)
    assert [row["name"] for row in integrations(client, sortBy="-name", limit=2)] == sorted(names, reverse=True)[:2]
    page = client.get(CLOUDWORKS, params={"limit": 2, "offset": 4}).json()
    assert (page["meta"]["paging"]["totalSize"], [row["name"] for row in page["integrations"]]) == (5, names[4:])
    assert client.get(CLOUDWORKS, params={"sortBy": "type"}).json()["status"]["code"] == 400
    assert client.get(f"{CLOUDWORKS}/runs/{'0' * 32}").json()["status"]["code"] == 404
    flows = client.get("/2/0/integrationflows").json()["integrationFlows"]
    assert [flow["stepsCount"] for flow in flows] == [2, 2]


def test_integrations_are_renamed_and_removed(sandbox: Sandbox, client: Client) -> None:
    first, second = (row["integrationId"] for row in integrations(client)[:2])
    sandbox.change_integration(first, name="Other")
    sandbox.remove_integration(second)
    rows = {row["integrationId"]: row for row in integrations(client)}
    assert (rows[first]["name"], rows[first]["modificationDate"][:10], second in rows) == ("Other", "2026-11-18", False)
    assert client.get(f"{CLOUDWORKS}/runs/{second}").status_code == 404
    assert second in {event["objectId"] for event in executions(sandbox)}
    with pytest.raises(ValueError, match="no integration"):
        sandbox.change_integration(second, name="x")
