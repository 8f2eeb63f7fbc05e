"""Several tenants in a browser: the list, the address, other pages, links and Back show the same tenant."""

import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.browser.serving import chromium, serve, wait_until_scripts_end
from tests.support.two_tenants import TENANTS, WORKSPACE, add_second_tenant

CAPTION = "[data-testid=stSidebar] [data-testid=stCaptionContainer]"


@pytest.fixture(scope="module")
def both(prepared: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Serve two tenants. Yields the address."""
    if chromium() is None:
        pytest.skip("no Chromium is installed: apt-get install chromium, or have google-chrome on the PATH")
    database = tmp_path_factory.mktemp("tenants") / "audit_log.duckdb"
    shutil.copy(prepared, database)
    add_second_tenant(database)
    with serve(database, others=TENANTS, options=("--all-tenants",)) as served:
        yield served.address


def shown(page: Any) -> tuple[str, str | None, str]:
    """Return the tenant of the list, of the address and of the line below the filters."""
    wait_until_scripts_end(page)
    line = page.locator(CAPTION, has_text="Days are days in UTC").inner_text()
    of_address = re.search(r"[?&]tenant=([a-z]+)", page.url)
    return _list(page).input_value(), of_address and of_address[1], line.split()[1].rstrip(".")


def _list(page: Any) -> Any:
    return page.get_by_role("combobox", name="Tenant")


def choose(page: Any, name: str) -> None:
    _list(page).click()
    page.get_by_role("option", name=name).click()


def changes(page: Any) -> str:
    return str(page.locator("[data-testid=stMetric]", has_text="Changes").first.inner_text())


def test_list_address_and_pages_agree(both: str, page: Any) -> None:
    page.goto(f"{both}/changes?period=Whole+log")
    page.locator("[data-testid=stMetric]").first.wait_for()
    assert shown(page) == ("eu", "eu", "eu")
    of_eu = changes(page)
    choose(page, "us")
    page.wait_for_url(re.compile("tenant=us"))
    assert shown(page) == ("us", "us", "us") and changes(page) != of_eu
    page.get_by_role("link", name="Sign-ins").click()
    page.wait_for_url(re.compile("/sign-ins.*tenant=us"))
    assert shown(page) == ("us", "us", "us")
    page.go_back()
    page.wait_for_url(re.compile("/changes"))
    assert shown(page) == ("us", "us", "us") and changes(page) != of_eu
    page.reload()
    page.locator("[data-testid=stMetric]").first.wait_for()
    assert shown(page) == ("us", "us", "us") and changes(page) != of_eu


def test_ids_of_one_tenant_leave_the_address_with_it(both: str, page: Any) -> None:
    page.goto(f"{both}/changes?period=Whole+log&tenant=us&workspace={WORKSPACE}")
    page.locator("[data-testid=stMetric]").first.wait_for()
    assert shown(page) == ("us", "us", "us") and WORKSPACE in page.url
    choose(page, "eu")
    page.wait_for_url(re.compile("tenant=eu"))
    assert shown(page) == ("eu", "eu", "eu") and WORKSPACE not in page.url and "period=Whole" in page.url
