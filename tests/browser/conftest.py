"""One dashboard and one Chromium for all tests. Without a Chromium, the tests are skipped."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.browser.serving import browser, chromium, dashboard, watched_page
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
    """Open a new page. A request to another host or a dialog fails the test."""
    with watched_page(opened) as (shown, seen):
        yield shown
    assert seen == []
