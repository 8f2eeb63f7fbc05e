"""The unmodified community SDK works against the sandbox; only the address differs."""

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
