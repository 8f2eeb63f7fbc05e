"""Responses that arrive one byte at a time, and runs that take too long."""

import socket
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
import requests

from audit_source.client import Client
from audit_source.connection_errors import plain_reason
from audit_source.deadline import DeadlineExceeded, within
from audit_source.errors import UnreachableError
from audit_source.probe import count_records, open_session
from pipelines.common import signals
from pipelines.monitoring.alerts.channels import ChannelError, posting
from tests.conftest import Engine, Tenant


@pytest.fixture
def dribbling() -> Iterator[str]:
    """A server that sends its response, headers included, one byte at a time and never ends it."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        stop = threading.Event()

        def serve(connection: socket.socket) -> None:
            with connection:
                for byte in b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n" + b" " * 100_000:
                    try:
                        connection.send(bytes([byte]))
                    except OSError:
                        return
                    if stop.wait(0.05):
                        return

        def accept() -> None:
            while not stop.is_set():
                try:
                    connection, _ = server.accept()
                except OSError:
                    return
                threading.Thread(target=serve, args=(connection,), daemon=True).start()

        threading.Thread(target=accept, daemon=True).start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}"
        stop.set()


def test_whole_request_has_a_deadline(dribbling: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RUNTIME__REQUEST_MAX_ATTEMPTS", "2")
    client = Client(1, 1000, 0.2)
    began = time.monotonic()
    with pytest.raises(UnreachableError, match="too slowly"):
        client.fetch("GET", dribbling)
    assert time.monotonic() - began < 5


def test_check_of_the_access_has_the_deadline_of_the_setting(dribbling: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RUNTIME__REQUEST_MAX_ATTEMPTS", "1")
    settings = {
        "REQUEST_DEADLINE_SECONDS": "1",
        "CREDENTIALS__ACCESS_TOKEN": "t" * 20,
        **{f"{service}_URL": dribbling for service in ("AUTH", "OAUTH", "API", "AUDIT")},
    }
    for name, value in settings.items():
        monkeypatch.setenv(f"SOURCES__AUDIT_SOURCE__{name}", value)
    session = open_session()
    try:
        with pytest.raises(UnreachableError, match="too slowly"):
            count_records(session, "users")
    finally:
        session.close()


def test_webhook_request_has_a_deadline(dribbling: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(posting, "DEADLINE_SECONDS", 0.2)
    with pytest.raises(ChannelError, match="no whole answer within"):
        posting.post(dribbling, {"text": "text"})


def test_within_passes_results_and_errors_on() -> None:
    assert within(5, lambda: 7) == 7
    with pytest.raises(ZeroDivisionError):
        within(5, lambda: 1 / 0)
    with pytest.raises(DeadlineExceeded):
        within(0.01, threading.Event().wait)


def test_a_run_has_a_deadline(tenant: Tenant, engine: Engine, dribbling: str, monkeypatch: pytest.MonkeyPatch) -> None:
    tenant.at(dribbling)
    monkeypatch.setenv("PIPELINES__ANAPLAN_AUDIT__RUN_TIMEOUT", "1.0")
    # Else the watchdog of a slow machine ends the process of the tests.
    monkeypatch.setattr(signals, "GRACE_SECONDS", 60.0)
    began = time.monotonic()
    outcome = tenant.run("load")
    assert (outcome.code, time.monotonic() - began < 15) == (124, True)
    # The lock and the database are free, and the run is recorded.
    if engine.kind == "duckdb":
        assert engine.rows("select exit_code from anaplan_audit_raw.runs") == [(124,)]
    assert tenant.run("load").code == 124


@pytest.mark.parametrize("value", ["0", "-1", "soon"])
def test_invalid_run_timeout_is_rejected(tenant: Tenant, monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    tenant.at("http://127.0.0.1:9")
    monkeypatch.setenv("RUNTIME__REQUEST_TIMEOUT", value)
    outcome = tenant.run("load")
    assert outcome.code == 2 and "setting `request_timeout`" in outcome.err


@pytest.mark.parametrize("value", ["59", "0", "604801", "long"])
def test_invalid_lease_is_rejected(tenant: Tenant, monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    tenant.at("http://127.0.0.1:9")
    monkeypatch.setenv("PIPELINES__ANAPLAN_AUDIT__LEASE_SECONDS", value)
    outcome = tenant.run("load")
    assert outcome.code == 2
    assert f"setting `lease_seconds`: `{value}` is out of range. Use 60 to 604800 seconds." in outcome.err


def test_error_names_the_unreachable_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    error = requests.exceptions.ProxyError("Unable to connect to proxy: Connection refused")
    assert plain_reason(error).startswith("the proxy")
    client: Any = Client(1, 1000, 300)
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("RUNTIME__REQUEST_MAX_ATTEMPTS", "1")
    with pytest.raises(UnreachableError, match="the proxy"):
        client.fetch("GET", "https://audit.anaplan.example")
