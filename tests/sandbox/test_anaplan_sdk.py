"""The unmodified community SDK works against the sandbox; only the address differs."""

import csv
import gc
import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from sandbox.api.certificates import make_key_pair
from sandbox.server import Sandbox

anaplan_sdk = pytest.importorskip("anaplan_sdk", reason="the SDK does not install on this Python")
httpx2 = pytest.importorskip("httpx2")

# The SDK does not close its connections; the garbage collector does.
pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning")


@pytest.fixture
def sandbox(monkeypatch: pytest.MonkeyPatch) -> Iterator[Sandbox]:
    with Sandbox(events=500, days=5, users=30, rate_limit=0) as running:
        target = httpx2.URL(running.url)
        send = httpx2.HTTPTransport.handle_request

        def to_sandbox(self: Any, request: Any) -> Any:
            request.url = request.url.copy_with(scheme=target.scheme, host=target.host, port=target.port)
            return send(self, request)

        monkeypatch.setattr(httpx2.HTTPTransport, "handle_request", to_sandbox)
        yield running
        # Connections that the SDK has left open are closed here, not in a later test that counts warnings.
        gc.collect()


def held(sandbox: Sandbox, client: Any) -> None:
    assert {user.id for user in client.audit.get_users()} == {user["id"] for user in sandbox.users()}
    directory = sandbox.state.directory
    assert {one.id for one in client.get_workspaces()} == {one["id"] for one in directory.rows("workspaces")}
    models = client.get_models()
    assert {one.id for one in models} == {one["id"] for one in directory.rows("models")}
    assert all(one.last_saved_serial_number > 0 for one in models)
    assert client.audit.get_user().email == "auditor@example.com"
    assert client.get_model(models[0].id).model_transaction_running is False
    workspace = client.get_workspace(models[0].workspace_id)
    assert models[0].id in {one.id for one in client.get_models(only_in_workspace=workspace.id, sort_by="name")}
    assert {event["id"] for event in client.audit.get_events(5)} <= {event["id"] for event in sandbox.truth()}


def test_by_password(sandbox: Sandbox) -> None:
    held(sandbox, anaplan_sdk.Client(user_email="auditor@example.com", password="sandbox"))


def test_by_oauth(sandbox: Sandbox) -> None:
    """Sign in as the SDK's guide says for web applications: with the access token of the application's OAuth client."""
    fields = {"grant_type": "refresh_token", "client_id": "sandbox-device", "refresh_token": "sandbox-refresh-0"}
    token = requests.post(f"{sandbox.url}/oauth/token", data=fields, timeout=10).json()["access_token"]
    held(sandbox, anaplan_sdk.Client(token=token))


def test_in_pages(sandbox: Sandbox) -> None:
    client = anaplan_sdk.Client(user_email="auditor@example.com", password="sandbox", page_size=50)
    assert {event["id"] for event in client.audit.get_events(30)} == {event["id"] for event in sandbox.truth()}


def test_by_certificate(sandbox: Sandbox, tmp_path: Path) -> None:
    pair = make_key_pair()
    sandbox.trust(pair)
    certificate, key = pair.write(tmp_path)
    held(sandbox, anaplan_sdk.Client(certificate=str(certificate), private_key=str(key)))


def test_contents_of_a_model(sandbox: Sandbox) -> None:
    """Lists, a run of the export of the history, and its file."""
    model = next(one for one in sandbox.company.models if sandbox.state.contents.has_history_export(one))
    sandbox.settings.history_chunk_rows = 500
    client = anaplan_sdk.Client(
        workspace_id=model.workspace.id,
        model_id=model.id,
        user_email="auditor@example.com",
        password="sandbox",
        status_poll_delay=0,
    )
    for kind in ("actions", "imports", "exports", "processes", "files"):
        rows = sandbox.state.contents.rows(model, kind)
        found = getattr(client, f"get_{kind}")()
        assert [(str(one.id), one.name) for one in found] == [(row["id"], row["name"]) for row in rows]
    (export,) = [one.id for one in client.get_exports() if one.type == "AUDIT_LOG"]
    assert client.run_action(export).result.successful
    text = client.get_file(export).decode()
    rows = list(csv.DictReader(io.StringIO(text, newline="")))
    assert len(rows) > 1_000 and rows == list(sandbox.model_history(model.id))


def test_cloudworks_and_scim(sandbox: Sandbox) -> None:
    client = anaplan_sdk.Client(user_email="auditor@example.com", password="sandbox")
    integrations = {row["integrationId"]: row for row in sandbox.state.integrations.rows()}
    found = client.cw.get_integrations()
    assert {one.id: one.name for one in found} == {key: row["name"] for key, row in integrations.items()}
    # Its list of runs knows fewer values of `triggerSource` than live tenants send.
    for one in found:
        told = integrations[one.id].get("latestRun")
        assert (one.latest_run and one.latest_run.success) == (told and told["success"])
    assert len(client.cw.flows.get_flows()) == 2
    users = client.scim.get_users()
    assert {user.id for user in users} == {user["id"] for user in sandbox.users()}
    assert any(user.entitlements for user in users)
