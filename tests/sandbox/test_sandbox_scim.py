"""SCIM: users with their entitlements."""

from typing import Any

import pytest

from sandbox.server import Sandbox
from sandbox.world.clock import day_of

from .conftest import NOW, Client

USERS = "/scim/1/0/v2/Users"


def all_users(client: Client, count: int = 100) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    while True:
        page = client.get(USERS, params={"startIndex": len(found) + 1, "count": count}).json()
        assert page["itemsPerPage"] == len(page["Resources"]) and page["startIndex"] == len(found) + 1
        found += page["Resources"]
        if len(found) >= page["totalResults"]:
            return found


def test_all_users_come_page_by_page(shared: Sandbox, reader: Client) -> None:
    whole = all_users(reader)
    assert all_users(reader, 17) == whole
    assert [one["id"] for one in whole] == [user["id"] for user in shared.users()]
    beyond = reader.get(USERS, params={"startIndex": 500}).json()
    assert (beyond["totalResults"], beyond["itemsPerPage"], beyond["Resources"]) == (42, 0, [])


def test_users_have_the_documented_fields(shared: Sandbox, reader: Client) -> None:
    listed = {user["id"]: user for user in shared.users()}
    spaces = {workspace.id: workspace.name for workspace in shared.company.workspaces}
    people = {person.id: person for person in shared.company.people(day_of(NOW))}
    for one in all_users(reader):
        user = listed[one["id"]]
        assert (one["userName"], one["active"]) == (user["email"], user["active"])
        assert one["displayName"] == one["name"]["formatted"] == f"{user['firstName']} {user['lastName']}"
        assert one["emails"] == [{"value": user["email"], "type": "work", "primary": True}]
        for right in one["entitlements"]:
            assert right == {"value": right["value"], "display": spaces[right["value"]], "type": "WORKSPACE"}
        assert one["meta"]["created"] <= one["meta"]["lastModified"] <= "2026-11-18T12:00:00.000Z"
        if one["id"] in people:
            assert day_of(NOW) >= people[one["id"]].first_day


def test_whoever_works_in_a_model_may_enter_its_workspace(shared: Sandbox, reader: Client) -> None:
    entitled = {one["id"]: {right["value"] for right in one["entitlements"]} for one in all_users(reader)}
    for person in shared.company.people(day_of(NOW)):
        if entitled[person.id]:
            assert {model.workspace.id for model in shared.company.models_of(person)} <= entitled[person.id]
    sizes = {len(rights) for rights in entitled.values()}
    assert min(sizes) < max(sizes)


def test_entitlements_are_changed_by_hand(sandbox: Sandbox, client: Client) -> None:
    before = {one["id"]: one for one in all_users(client)}
    user, workspace = sandbox.users()[1]["id"], sandbox.company.workspaces[0]
    sandbox.entitle(user, [workspace.id])
    changed = {one["id"]: one for one in all_users(client)}
    assert changed[user]["entitlements"] == [{"value": workspace.id, "display": workspace.name, "type": "WORKSPACE"}]
    assert {key for key in before if before[key] != changed[key]} <= {user}
    sandbox.entitle(user, None)
    assert {one["id"]: one for one in all_users(client)} == before
    added = sandbox.add_user(firstName="New", email="new@example.com")
    sandbox.entitle(added, [])
    (new,) = [one for one in all_users(client) if one["id"] == added]
    assert (new["entitlements"], new["meta"]["created"]) == ([], "2026-11-18T12:00:00.000Z")
    sandbox.advance(days=50)
    with Client(sandbox) as later:
        (kept,) = [one for one in all_users(later) if one["id"] == added]
    assert kept["meta"] == new["meta"]
    with pytest.raises(ValueError, match="no workspace nowhere"):
        sandbox.entitle(user, ["nowhere"])


def test_entitlements_follow_projects() -> None:
    with Sandbox(events=0, users=150, clock_ms=NOW, rate_limit=0) as sandbox:
        found = []
        for _ in range(2):
            with Client(sandbox) as client:
                found.append({one["id"]: one for one in all_users(client)})
            sandbox.advance(days=50)
        before, after = found
        both = before.keys() & after.keys()
        changed = {key for key in both if before[key]["entitlements"] != after[key]["entitlements"]}
        assert 0 < len(changed) < len(both) / 2
        assert all(before[key]["meta"]["lastModified"] < after[key]["meta"]["lastModified"] for key in changed)


@pytest.mark.parametrize("params", [{"count": 101}, {"count": 0}, {"startIndex": 0}, {"startIndex": "x"}])
def test_invalid_pages_are_400(reader: Client, params: dict[str, Any]) -> None:
    answer = reader.get(USERS, params=params)
    assert (answer.status_code, answer.json()["status"]["code"]) == (400, 400)
