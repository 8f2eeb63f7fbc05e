"""One dashboard and one Chromium for all tests. Without a Chromium, the tests are skipped."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.browser.serving import browser, chromium, dashboard
from tests.pipelines.dashboard.conftest import prepared  # noqa: F401


@pytest.fixture(scope="session")
def address(prepared: Path) -> Iterator[str]:  # noqa: F811
    if chromium() is None:
        pytest.skip("no Chromium is installed: apt-get install chromium, or have google-chrome on the PATH")
    with dashboard(prepared) as served:
        yield served


@pytest.fixture(scope="session")
def opened(address: str) -> Iterator[Any]:
    with browser() as launched:
        yield launched


@pytest.fixture
def page(opened: Any) -> Iterator[Any]:
    """Open a new page in a time zone west of UTC. A request to another host or a dialog fails the test."""
    context = opened.new_context(viewport={"width": 1280, "height": 900}, timezone_id="America/Los_Angeles")
    shown = context.new_page()
    seen: list[str] = []
    shown.on("dialog", lambda dialog: (seen.append(f"dialog {dialog.message}"), dialog.dismiss()))
    shown.on("request", lambda request: seen.append(request.url) if _is_foreign(request.url) else None)
    yield shown
    context.close()
    assert seen == []


def _is_foreign(url: str) -> bool:
    return not url.startswith(("http://127.0.0.1:", "ws://127.0.0.1:", "data:", "blob:"))
