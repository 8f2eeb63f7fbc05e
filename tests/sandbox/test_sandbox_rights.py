"""Accounts that lack a right, and faults of the services beside the audit log."""

import pytest
import requests

from sandbox.api.tokens import NO_ROLE, PASSWORD, WITHOUT
from sandbox.server import Sandbox
from tests.support.sandbox_client import EVENTS, Client

INTEGRATIONS, SCIM = "/2/0/integrations", "/scim/1/0/v2/Users"


def paths(sandbox: Sandbox) -> dict[str, str]:
    """A request of each kind, and the right that it needs."""
    model = next(one for one in sandbox.company.models if sandbox.state.contents.has_history_export(one))
    return {"events": EVENTS, "users": "/2/0/users", "cloudworks": INTEGRATIONS, "scim": SCIM,
            "contents": f"/2/0/models/{model.id}/actions"}  # fmt: skip


@pytest.mark.parametrize(
    ("right", "refused"),
    [
        ("cloudworks", {"cloudworks": 403}),
        ("user_administrator", {"scim": 403}),
        ("models", {"contents": 404}),
        ("workspaces", {"contents": 404}),
    ],
)
def test_an_account_without_one_right_has_all_others(sandbox: Sandbox, right: str, refused: dict[str, int]) -> None:
    email = next(email for email, lacking in WITHOUT.items() if lacking == right)
    assert requests.post(f"{sandbox.url}/token/authenticate", auth=(email, PASSWORD), timeout=10).status_code == 201
    with Client(sandbox, email=email) as client:
        found = {kind: client.get(path).status_code for kind, path in paths(sandbox).items()}
        assert found == {**dict.fromkeys(found, 200), **refused}
        for kind, status in refused.items():
            path = paths(sandbox)[kind]
            body = client.get(path).json()
            assert (body["status"]["code"], body["path"]) == (status, path) and body["timestamp"].endswith("Z")


def test_without_a_workspace_lists_are_empty(sandbox: Sandbox) -> None:
    with Client(sandbox, email="no-workspaces@example.com") as client:
        assert client.get(INTEGRATIONS).json()["integrations"] == []
        assert client.get("/2/0/integrationflows").json()["integrationFlows"] == []
        assert client.get(f"{INTEGRATIONS}/runs/{sandbox.company.integrations[0].id}").status_code == 404
        for collection in ("workspaces", "models"):
            assert collection not in client.get(f"/2/0/{collection}").json()


def test_without_a_model_no_model_is_listed_but_its_workspace_is(sandbox: Sandbox) -> None:
    with Client(sandbox, email="no-models@example.com") as client:
        assert "models" not in client.get("/2/0/models").json()
        assert client.get("/2/0/workspaces").json()["workspaces"]


def test_the_account_without_roles_has_neither_cloudworks_nor_scim(sandbox: Sandbox) -> None:
    with Client(sandbox, email=NO_ROLE) as client:
        assert [client.get(path).status_code for path in (INTEGRATIONS, SCIM)] == [403, 403]


def test_rights_are_given_and_taken(sandbox: Sandbox, client: Client) -> None:
    sandbox.settings.set(cloudworks_refusal=452)
    sandbox.set_rights(cloudworks=False, user_administrator=False)
    answer = client.get(INTEGRATIONS)
    assert (answer.status_code, answer.json()["status"]["code"]) == (452, 452)
    assert client.get(f"{INTEGRATIONS}/runs/x").status_code == client.get("/2/0/integrationflows").status_code == 452
    control = f"{sandbox.url}/_sandbox/users"
    for rights in ({"cloudworks": True}, {"user_administrator": True}):
        requests.post(control, json={"role": "auditor@example.com", **rights}, timeout=10).raise_for_status()
    assert [client.get(path).status_code for path in (INTEGRATIONS, SCIM, EVENTS)] == [200, 200, 200]
    wrong = requests.post(control, json={"role": "auditor@example.com", "cloudwork": False}, timeout=10)
    assert (wrong.status_code, "unknown right cloudwork" in wrong.json()["error"]) == (400, True)
    with pytest.raises(ValueError, match="403, 452"):
        sandbox.settings.set(cloudworks_refusal=401)


def test_cloudworks_refuses_bearer_and_the_others_take_it(sandbox: Sandbox) -> None:
    with Client(sandbox, "Bearer") as client:
        found = {kind: client.get(path).status_code for kind, path in paths(sandbox).items()}
    assert found == {"events": 401, "users": 200, "cloudworks": 401, "scim": 200, "contents": 200}
    anonymous = [requests.get(sandbox.url + path, timeout=10).status_code for path in paths(sandbox).values()]
    assert anonymous == [401] * 5


@pytest.mark.parametrize("kind", ["contents", "cloudworks", "scim"])
def test_faults_hit_each_service_and_no_other(sandbox: Sandbox, client: Client, kind: str) -> None:
    sandbox.faults.add(
        f"{kind}:429:1:retry_after=3", f"{kind}:500", f"{kind}:reset", f"{kind}:half-body", f"{kind}:gzip"
    )
    asked = paths(sandbox)
    path = asked.pop(kind)
    assert {client.get(other).status_code for other in asked.values()} == {200}
    limited = client.get(path)
    assert (limited.status_code, limited.headers["Retry-After"]) == (429, "3")
    assert client.get(path).status_code == 500
    with pytest.raises(requests.ConnectionError):
        client.get(path)
    with pytest.raises(requests.exceptions.ChunkedEncodingError):
        client.get(path)
    zipped = client.get(path)
    assert (zipped.headers["Content-Encoding"], zipped.json()) == ("gzip", client.get(path).json())


def test_pages_of_the_new_lists_lie_too(sandbox: Sandbox, client: Client) -> None:
    for kind, key in (("contents", "actions"), ("cloudworks", "integrations"), ("scim", "Resources")):
        path = paths(sandbox)[kind]
        whole = client.get(path).json()[key]
        sandbox.faults.add(f"{kind}:empty-page", f"{kind}:wrong-total")
        assert client.get(path).json().get(key, []) == []
        body = client.get(path).json()
        told = body["totalResults"] if kind == "scim" else body["meta"]["paging"]["totalSize"]
        assert (told, body[key]) == (len(whole) + 1, whole)


def test_faults_hit_tasks_polls_and_chunks(sandbox: Sandbox, client: Client) -> None:
    base = paths(sandbox)["contents"].removesuffix("/actions")
    tasks, chunks = f"{base}/exports/116000000009/tasks", f"{base}/files/116000000009/chunks"
    sandbox.faults.add("tasks:500", "polls:503", "chunks:502", "chunks:half-body:1:skip=1")
    assert client.post(tasks, json={"localeName": "en_US"}).status_code == 500
    task = client.post(tasks, json={"localeName": "en_US"}).json()["task"]["taskId"]
    assert [client.get(f"{tasks}/{task}").status_code for _ in range(3)] == [503, 200, 200]
    assert [client.get(chunks).status_code for _ in range(2)] == [502, 200]
    with pytest.raises(requests.exceptions.ChunkedEncodingError):
        client.get(f"{chunks}/0")
    assert client.get(f"{chunks}/0").content.startswith(b"ID,")


def test_the_rate_limit_counts_every_service(sandbox: Sandbox, client: Client) -> None:
    sandbox.settings.rate_limit = 5
    sandbox.state.rate_limit.level = 3.0
    asked = paths(sandbox)
    answers = [client.get(asked[kind]).status_code for kind in ("contents", "cloudworks", "scim", "contents")]
    assert answers == [200, 200, 200, 429]


def test_unknown_paths_have_the_form_of_these_services(client: Client) -> None:
    for path in ("/cloudworks/2/0/nothing", "/scim/1/0/v2/Groups"):
        assert client.get(path).json()["status"] == {"code": 404, "message": "Not Found"}


def test_models_and_integrations_are_steered_from_outside(sandbox: Sandbox, client: Client) -> None:
    def control(path: str, **body: object) -> dict:
        answer = requests.post(f"{sandbox.url}/_sandbox/{path}", json=body, timeout=10)
        assert answer.status_code == 200, answer.text
        return answer.json()

    path = paths(sandbox)["contents"]
    model = path.split("/")[4]
    first, second = (row["id"] for row in client.get(path).json()["actions"][:2])
    control("models", model=model, change=first, fields={"name": "Other"})
    control("models", model=model, remove=second)
    added = control("models", model=model, add="actions", fields={"name": "New"})["id"]
    names = {row["id"]: row["name"] for row in client.get(path).json()["actions"]}
    assert (names[first], second in names, names[added]) == ("Other", False, "New")
    control("models", model=model, access=False)
    assert client.get(path).status_code == 404
    integration = sandbox.company.integrations[0].id
    control("integrations", change=integration, fields={"name": "Renamed"})
    assert client.get(INTEGRATIONS).json()["integrations"][0]["name"] == "Renamed"
    control("integrations", remove=integration)
    assert integration not in {row["integrationId"] for row in client.get(INTEGRATIONS).json()["integrations"]}
    user = sandbox.users()[0]["id"]
    control("users", entitle=user, workspaces=[])
    assert client.get(SCIM).json()["Resources"][0]["entitlements"] == []
    lines = requests.get(f"{sandbox.url}/_sandbox/history", params={"model": model}, timeout=10).text.split("\n")
    assert len([line for line in lines if line]) == len(list(sandbox.model_history(model)))
    assert (
        requests.post(f"{sandbox.url}/_sandbox/models", json={"model": "x", "access": True}, timeout=10).status_code
        == 400
    )
