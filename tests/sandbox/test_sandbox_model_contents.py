"""Lists inside models, and the events that name what is in them."""

from collections import defaultdict
from typing import Any

import pytest

from sandbox.server import Sandbox
from sandbox.world.clock import DAY, day_of
from sandbox.world.company import Company
from sandbox.world.model_contents import RUN_KINDS, ItemTurns

from .conftest import NOW, Client

PREFIXES = {"actions": "117", "imports": "112", "exports": "116", "processes": "118", "files": "113"}
FIELDS = {
    "actions": {"id", "name", "actionType"},
    "imports": {"id", "name", "importType", "importDataSourceId"},
    "exports": {"id", "name", "exportType", "exportFormat", "encoding", "layout"},
    "processes": {"id", "name"},
    "files": {"id", "name", "chunkCount", "format", "encoding", "delimiter", "separator", "headerRow", "firstDataRow"},
}
RUN = {"USR-20": "actions", "USR-36": "exports", "USR-41": "processes", "USR-51": "imports", "USR-52": "imports"}


def listing(client: Client, model_id: str, kind: str) -> list[dict[str, Any]]:
    answer = client.get(f"/2/0/models/{model_id}/{kind}")
    assert answer.status_code == 200, answer.text
    return answer.json().get(kind, [])


def serials(client: Client) -> dict[str, int]:
    models = client.get("/2/0/models", params={"modelDetails": "true"}).json()["models"]
    return {model["id"].lower(): model["lastSavedSerialNumber"] for model in models}


def readable(sandbox: Sandbox) -> list[Any]:
    return [model for model in sandbox.company.models if model.state != "ARCHIVED"]


def test_every_kind_has_its_fields_and_its_range_of_ids(shared: Sandbox, reader: Client) -> None:
    for model in readable(shared):
        ids = []
        for kind in PREFIXES:
            rows = listing(reader, model.id, kind)
            assert all(set(row) - {"code"} == FIELDS[kind] for row in rows)
            assert all(row["id"].startswith(PREFIXES[kind]) and len(row["id"]) == 12 for row in rows)
            ids += [row["id"] for row in rows]
        assert len(set(ids)) == len(ids)
        files = {row["id"] for row in listing(reader, model.id, "files")}
        sources = {row["importDataSourceId"] for row in listing(reader, model.id, "imports")}
        assert sources - {""} == files


def test_ids_repeat_between_models_with_other_names(shared: Sandbox, reader: Client) -> None:
    for kind in RUN_KINDS:
        names = defaultdict(set)
        for model in readable(shared):
            for row in listing(reader, model.id, kind):
                names[row["id"]].add(row["name"])
        assert max(map(len, names.values())) > 1, kind


def test_the_form_below_the_workspace_answers_the_same(shared: Sandbox, reader: Client) -> None:
    model = readable(shared)[0]
    below = f"/2/0/workspaces/{model.workspace.id}/models/{model.id}"
    for kind in PREFIXES:
        assert reader.get(f"{below}/{kind}").json().get(kind, []) == listing(reader, model.id.upper(), kind)
    other = next(one.id for one in shared.company.workspaces if one.id != model.workspace.id)
    assert reader.get(f"/2/0/workspaces/{other}/models/{model.id}/actions").status_code == 404


def test_lists_are_paged_and_their_key_is_absent_when_empty(shared: Sandbox, reader: Client) -> None:
    model = readable(shared)[0]
    path, actions = f"/2/0/models/{model.id}/actions", listing(reader, model.id, "actions")
    page = reader.get(path, params={"limit": 2, "offset": 2}).json()
    paging = page["meta"]["paging"]
    assert page["actions"] == actions[2:4]
    assert paging == {
        "currentPageSize": 2, "totalSize": 5, "offset": 2,
        "next": f"{shared.url}{path}?limit=2&offset=4", "previous": f"{shared.url}{path}?limit=2&offset=0",
    }  # fmt: skip
    beyond = reader.get(path, params={"offset": 5}).json()
    assert "actions" not in beyond and beyond["meta"]["paging"]["totalSize"] == 5
    empty = [one for one in readable(shared) if not shared.state.contents.rows(one, "files")]
    assert "files" not in reader.get(f"/2/0/models/{empty[0].id}/files").json()
    assert reader.get(path, params={"limit": "x"}).json()["status"] == {
        "code": 400,
        "message": "Invalid value for limit",
    }


def test_a_process_names_its_actions(shared: Sandbox, reader: Client) -> None:
    for model in readable(shared):
        known = {row["id"]: row["name"] for kind in RUN_KINDS for row in listing(reader, model.id, kind)}
        for process in listing(reader, model.id, "processes"):
            told = reader.get(f"/2/0/models/{model.id}/processes/{process['id']}").json()["processMetadata"]
            assert told["name"] == process["name"] and len(told["actions"]) >= 2
            assert {step["id"]: step["name"] for step in told["actions"]}.items() <= known.items()
    assert reader.get(f"/2/0/models/{model.id}/processes/118999999999").status_code == 404


def test_archived_models_answer_with_an_error(sandbox: Sandbox, client: Client) -> None:
    archived = next(model for model in Company(7, 300).models if model.state == "ARCHIVED")
    sandbox.company.models[0].state = archived.state
    model = sandbox.company.models[0]
    answer = client.get(f"/2/0/models/{model.id}/actions")
    assert answer.json()["status"] == {"code": 422, "message": "Model is archived"}
    sandbox.settings.archived_status = 400
    assert client.get(f"/2/0/models/{model.id}/processes/118000000001").status_code == 400


def test_without_access_a_model_vanishes_and_all_below_it_is_404(sandbox: Sandbox, client: Client) -> None:
    model = next(model for model in sandbox.company.models if model.state != "ARCHIVED")
    below = f"/2/0/workspaces/{model.workspace.id}/models"
    sandbox.set_access(model.id.upper(), False)
    assert model.id not in serials(client)
    assert model.id.upper() in {one["id"] for one in client.get(below).json()["models"]}
    for path in ("", "/actions", "/processes/118000000001"):
        answer = client.get(f"/2/0/models/{model.id}{path}")
        assert answer.json()["status"] == {"code": 404, "message": "Entity not found"}, path
    assert client.get(f"{below}/{model.id}/imports").status_code == 404
    sandbox.settings.no_access_listed = True
    assert model.id in serials(client)
    assert client.get(f"/2/0/models/{model.id}/actions").status_code == 404
    sandbox.set_access(model.id, None)
    assert client.get(f"/2/0/models/{model.id}/actions").status_code == 200


def test_some_models_are_closed_when_asked_for(sandbox: Sandbox, client: Client) -> None:
    before = set(serials(client))
    sandbox.settings.no_access_models = 2
    closed = before - set(serials(client))
    assert len(closed) == 2
    sandbox.set_access(min(closed), True)
    assert before - set(serials(client)) == {max(closed)}


def test_events_name_what_the_model_held_on_their_day(sandbox: Sandbox) -> None:
    """For every third day: every action of an event is in the list of its model, as it was then."""
    events, checked = sandbox.truth("user_activity"), 0
    for day in range(day_of(NOW) - 27, day_of(NOW) + 1, 3):
        sandbox.set_clock(day * DAY + DAY // 2)
        with Client(sandbox) as client:
            for event in events:
                action = (event["additionalAttributes"] or {}).get("actionId", "-1")
                model = sandbox.state.contents.find(event["objectId"])
                if day_of(event["eventDate"]) != day or action == "-1" or model.state == "ARCHIVED":
                    continue
                (row,) = [row for row in listing(client, model.id, RUN[event["eventTypeId"]]) if row["id"] == action]
                assert event["additionalAttributes"].get("name", row["name"]) == row["name"]
                checked += 1
    assert checked > 25


def test_actions_are_renamed_and_deleted_as_the_company_works(shared: Sandbox, reader: Client) -> None:
    """Events of the last month name actions that are deleted by now."""
    known = {
        (model.id, row["id"])
        for model in readable(shared)
        for kind in RUN_KINDS
        for row in listing(reader, model.id, kind)
    }
    open_models = {model.id for model in readable(shared)}
    ran = {
        (e["objectId"], (e["additionalAttributes"] or {}).get("actionId", "-1")) for e in shared.truth("user_activity")
    }
    gone = {(model, action) for model, action in ran if model in open_models and action != "-1"} - known
    assert gone and len(gone) < len(ran & known)
    turns, model = ItemTurns(7), readable(shared)[0]
    history = [turns.items(model, "actions", day_of(NOW) + day) for day in range(900)]
    renamed, replaced = ({items[place] for items in history} for place in (2, 3))
    assert len({item.id for item in renamed}) == 1 < len({item.name for item in renamed})
    assert len({item.id for item in replaced}) == len(replaced) > 1


def test_a_company_can_have_thousands_of_models_with_the_same_events(sandbox: Sandbox) -> None:
    with Sandbox(events=600, users=20, models=1_500, clock_ms=NOW, rate_limit=0) as large, Client(large) as client:
        assert len(serials(client)) == 1_500
        assert large.truth() == sandbox.truth()
        model = large.company.models[-1]
        assert model.state == "ARCHIVED" or len(listing(client, model.id, "actions")) == 5


def test_serials_grow_when_a_model_changes_and_only_then(sandbox: Sandbox, client: Client) -> None:
    before = serials(client)
    assert serials(client) == before
    model = next(model for model in sandbox.company.models if model.state == "UNLOCKED")
    item = sandbox.state.contents.rows(model, "actions")[0]["id"]
    sandbox.change_item(model.id, item, name="Renamed")
    assert listing(client, model.id, "actions")[0]["name"] == "Renamed"
    sandbox.remove_item(model.id, item)
    assert item not in {row["id"] for row in listing(client, model.id, "actions")}
    added = sandbox.add_item(model.id, "exports", name="New", exportType="GRID_ALL_PAGES")
    assert {"id": added, "name": "New", "exportType": "GRID_ALL_PAGES"} in listing(client, model.id, "exports")
    after = serials(client)
    assert {key for key in after if after[key] != before[key]} == {model.id} and after[model.id] == before[model.id] + 3
    sandbox.advance(days=7)
    with Client(sandbox) as later:
        week = serials(later)
        models = later.get("/2/0/models", params={"modelDetails": "true"}).json()["models"]
    assert all(week[key] >= after[key] for key in after) and week[model.id] > after[model.id]
    assert all(one["lastModified"] <= "2026-11-25T12:00:00.000+0000" for one in models)
    with pytest.raises(ValueError, match="no item 1"):
        sandbox.change_item(model.id, "1", name="x")
