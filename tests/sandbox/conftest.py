"""Small sandboxes whose clock is stopped, and signed-in clients."""

from collections.abc import Iterator

import pytest

from sandbox.server import Sandbox
from tests.support.sandbox_client import NOW, Client


@pytest.fixture(scope="session")
def shared() -> Iterator[Sandbox]:
    """Return a sandbox for tests that only read."""
    with Sandbox(events=3_000, users=40, clock_ms=NOW, rate_limit=0) as sandbox:
        yield sandbox


@pytest.fixture
def reader(shared: Sandbox) -> Iterator[Client]:
    with Client(shared) as client:
        yield client


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    """Return a new sandbox for each test."""
    with Sandbox(events=600, users=20, clock_ms=NOW, rate_limit=0) as sandbox:
        yield sandbox


@pytest.fixture
def client(sandbox: Sandbox) -> Iterator[Client]:
    with Client(sandbox) as client:
        yield client
