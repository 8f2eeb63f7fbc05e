import re

import pytest

from sandbox.server import Sandbox
from sandbox.world.clock import day_of
from tests.support.sandbox_client import NOW, Client


def test_users_list_pages_with_key_offset(shared: Sandbox, reader: Client) -> None:
    users = reader.get("/2/0/users").json()
    assert users["meta"]["paging"] == {"currentPageSize": 42, "totalSize": 42, "offset": 0}
    assert users["status"] == {"code": 200, "message": "Success"}
    page = reader.get("/2/0/users", params={"limit": 20, "offset": 30}).json()
    before = page["meta"]["paging"].pop("previous")
    assert before == f"{shared.url}/2/0/users?limit=20&offset=10"
    assert page["meta"]["paging"] == {"currentPageSize": 12, "totalSize": 42, "offset": 30}
    assert reader.get("/2/0/users", params={"limit": 20}).json()["meta"]["paging"]["next"].endswith("offset=20")
    assert page["users"] == users["users"][30:]


def test_limit_is_at_most_5000(sandbox: Sandbox, client: Client) -> None:
    sandbox.set_collection("users", [{"id": f"{i:032x}"} for i in range(5_001)])
    for limit in ({}, {"limit": 9_000}):
        assert len(client.get("/2/0/users", params=limit).json()["users"]) == 5_000


def test_last_login_is_absent_or_has_a_zone_without_colon(shared: Sandbox, reader: Client) -> None:
    users = {u["id"]: u for u in reader.get("/2/0/users").json()["users"]}
    never = [p.id for p in shared.company.people(day_of(NOW)) if p.never_signs_in]
    assert never
    assert all("lastLoginDate" not in users[user] for user in never)
    newest = max((e for e in shared.truth() if e["eventTypeId"] in ("USR-8", "USR-08")), key=lambda e: e["eventDate"])
    shown = users[newest["userId"]]["lastLoginDate"]
    assert re.fullmatch(r"2026-11-18T\d\d:\d\d:\d\d\.\d{3}\+0000", shown)
    assert shown[20:23] == f"{newest['eventDate'] % 1000:03d}"


@pytest.mark.parametrize(("sort", "backwards"), [("+email", False), ("-email", True)])
def test_sort_needs_a_sign(reader: Client, sort: str, backwards: bool) -> None:
    emails = [u["email"] for u in reader.get("/2/0/users", params={"sort": sort}).json()["users"]]
    assert emails == sorted(emails, reverse=backwards)
    assert reader.get("/2/0/users", params={"sort": "email"}).status_code == 400
    assert reader.get("/2/0/users", params={"sort": "+shoeSize"}).status_code == 400


def test_details_are_sent_on_request_only(reader: Client) -> None:
    assert set(reader.get("/2/0/workspaces").json()["workspaces"][0]) == {"id", "name"}
    full = reader.get("/2/0/workspaces", params={"tenantDetails": "true"}).json()["workspaces"][0]
    assert set(full) == {"id", "name", "active", "sizeAllowance", "currentSize"}
    assert "lastModified" not in reader.get("/2/0/models").json()["models"][0]
    model = reader.get("/2/0/models", params={"modelDetails": "true"}).json()["models"][0]
    assert {"id", "name", "activeState", "currentWorkspaceId", "lastModified", "categoryValues"} <= set(model)


def test_model_ids_are_upper_case_here_and_lower_case_in_events(shared: Sandbox, reader: Client) -> None:
    models = {m["id"] for m in reader.get("/2/0/models").json()["models"]}
    opened = {e["objectId"] for e in shared.truth() if e["eventTypeId"] == "USR-13"}
    assert all(model == model.upper() for model in models)
    assert opened
    assert {model.upper() for model in opened} <= models
    assert not opened & models


def test_collection_key_is_absent_when_there_is_nothing(sandbox: Sandbox, client: Client) -> None:
    sandbox.set_collection("models", [])
    body = client.get("/2/0/models").json()
    assert "models" not in body
    assert body["meta"]["paging"] == {"currentPageSize": 0, "totalSize": 0, "offset": 0}
    sandbox.set_collection("models", None)
    assert client.get("/2/0/models").json()["models"]


def test_users_are_renamed_removed_and_added(sandbox: Sandbox, client: Client) -> None:
    first, second = (user["id"] for user in sandbox.users()[:2])
    sandbox.rename_user(first, lastName="Renamed", email="renamed@example.com")
    sandbox.remove_user(second)
    added = sandbox.add_user(firstName="Late", lastName="Comer")
    users = {u["id"]: u for u in client.get("/2/0/users").json()["users"]}
    assert (users[first]["lastName"], users[first]["email"]) == ("Renamed", "renamed@example.com")
    assert second not in users
    assert users[added]["firstName"] == "Late"
    with pytest.raises(ValueError, match="no user"):
        sandbox.rename_user("nobody", lastName="X")


def test_people_come_and_go_with_the_clock(sandbox: Sandbox) -> None:
    before = {u["id"] for u in sandbox.users()}
    sandbox.advance(days=30)
    after = {u["id"] for u in sandbox.users()}
    assert before - after
    assert after - before
    assert len(before) == len(after)


def test_lists_need_a_token(sandbox: Sandbox, client: Client) -> None:
    sandbox.expire_tokens()
    assert client.get("/2/0/users").status_code == 401


def test_errors_have_the_form_of_this_service(reader: Client) -> None:
    answer = reader.get("/2/0/models/00000000000000000000000000000000")
    assert answer.status_code == 404
    assert answer.json()["status"] == {"code": 404, "message": "Entity not found"}
    assert answer.json()["path"] == "/2/0/models/00000000000000000000000000000000"
    refused = reader.get("/2/0/models", params={"sort": "name"})
    assert (refused.status_code, refused.json()["status"]["code"]) == (400, 400)


@pytest.mark.parametrize(("collection", "field"), [("workspaces", "sizeAllowance"), ("models", "activeState")])
def test_other_lists_validate_their_sort_too(reader: Client, collection: str, field: str) -> None:
    assert reader.get(f"/2/0/{collection}", params={"sort": f"-{field}"}).status_code == 200
    assert reader.get(f"/2/0/{collection}", params={"sort": "+email"}).status_code == 400


def test_single_records_and_models_of_a_workspace(reader: Client) -> None:
    user = reader.get("/2/0/users").json()["users"][3]
    assert reader.get(f"/2/0/users/{user['id'].upper()}").json()["user"] == user
    models = reader.get("/2/0/models", params={"modelDetails": "true"}).json()["models"]
    assert all(isinstance(model["lastSavedSerialNumber"], int) for model in models)
    assert set(models[0]["categoryValues"][0]) == {"id", "name", "categoryId", "categoryName", "customerId"}
    for model in models[:4]:
        one = reader.get(f"/2/0/models/{model['id']}", params={"modelDetails": "true"}).json()["model"]
        assert one == {"modelTransactionRunning": False, **model}
    assert len({"modelTransactionRunning" in model for model in models}) == 2
    below = reader.get(f"/2/0/workspaces/{models[0]['currentWorkspaceId']}/models").json()["models"]
    expected = {model["id"] for model in models if model["currentWorkspaceId"] == models[0]["currentWorkspaceId"]}
    assert {model["id"] for model in below} == expected


@pytest.mark.parametrize(
    ("method", "path", "status", "message"),
    [
        ("GET", "/2/0/nothing", 404, "Not Found"),
        ("GET", "/2/0/models/00000000000000000000000000000000/anything", 404, "Not Found"),
        ("POST", "/2/0/users", 405, "Method Not Allowed"),
        ("GET", "/2/0/workspaces/0/models/0", 405, "Method Not Allowed"),
    ],
)
def test_unknown_paths_have_the_same_form_of_error(
    reader: Client, method: str, path: str, status: int, message: str
) -> None:
    answer = reader.request(method, path)
    assert answer.status_code == status
    assert answer.json()["status"] == {"code": status, "message": message}
    assert answer.json()["path"] == path and answer.json()["timestamp"].endswith("Z")


def test_numbers_are_sorted_by_size(sandbox: Sandbox, client: Client) -> None:
    sizes = [9, 100, None, 20]
    rows = [{"id": str(i), "name": str(i), "sizeAllowance": size} for i, size in enumerate(sizes)]
    sandbox.state.directory.replace("workspaces", rows)

    def order(sort: str) -> list[int]:
        listed = client.get("/2/0/workspaces", params={"sort": sort, "tenantDetails": "true"}).json()["workspaces"]
        return [row["sizeAllowance"] for row in listed]

    assert order("+sizeAllowance") == [9, 20, 100, None]
    assert order("-sizeAllowance") == [None, 100, 20, 9]


def test_links_keep_the_requested_host(client: Client) -> None:
    """Behind a proxy that serves Anaplan's own host names, links use these names and HTTPS."""
    answer = client.get("/2/0/users", params={"limit": 1}, headers={"Host": "api.anaplan.com"}).json()
    assert answer["meta"]["paging"]["next"] == "https://api.anaplan.com/2/0/users?limit=1&offset=1"
    assert client.get("/2/0/users", params={"limit": 1}).json()["meta"]["paging"]["next"].startswith(client.base)


def test_search_by_prefix(reader: Client) -> None:
    user = reader.get("/2/0/users").json()["users"][0]
    found = reader.get("/2/0/users", params={"s": user["email"][:8].upper()}).json()["users"]
    assert user in found and all(
        any(one[name].lower().startswith(user["email"][:8]) for name in ("firstName", "lastName", "email"))
        for one in found
    )
