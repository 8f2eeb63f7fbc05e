"""The dashboard as people use it: pages, filters, keyboard, download, and texts with code in them."""

import csv
import io
import re
from pathlib import Path
from typing import Any

import pytest

from pipelines.dashboard.app import PAGES
from tests.browser.serving import wait_until_drawn, wait_until_scripts_end
from tests.support.hostile_log import FORMULA, IMAGE, SCRIPT

# Elements that appear only if a text is taken for HTML, Markdown or LaTeX.
PLANTED = "img[onerror], img[src='x'], a[href^='javascript'], img[src*='example.invalid'], .katex"
TITLE = "Anaplan audit log"


WITHOUT_CHART = ("events", "person", "model")


def go(page: Any, address: str, name: str = "") -> None:
    page.goto(f"{address}/{name}")
    if name in WITHOUT_CHART:
        page.locator("[data-testid=stDataFrame]").first.wait_for()
        wait_until_scripts_end(page)
    else:
        wait_until_drawn(page)


def open_choices(page: Any, label: str) -> None:
    """Open a list of choices. Scroll first: a click scrolls if needed, and scrolling closes the list."""
    box = page.get_by_role("combobox", name=label)
    box.scroll_into_view_if_needed()
    wait_until_drawn(page)
    box.click()


@pytest.mark.parametrize("name", PAGES)
def test_no_text_of_the_log_is_executed_or_drawn_as_markup(page: Any, address: str, name: str) -> None:
    go(page, address, "" if name == "overview" else name)
    for tab in page.get_by_role("tab", name="Table").all():
        tab.click()
    page.wait_for_timeout(300)
    for chart in page.locator("[data-testid=stVegaLiteChart]").all():
        if chart.is_visible():
            chart.hover()
    assert page.locator(PLANTED).count() == 0
    assert page.title() == f"{PAGES[name].title} · {TITLE}"
    assert page.evaluate("document.querySelectorAll('script:not([src])').length") <= 2


def test_hostile_names_in_the_filters_are_text(page: Any, address: str) -> None:
    go(page, address, "usage")
    for label in ("Workspace", "Model", "User"):
        open_choices(page, label)
        options = page.get_by_role("option")
        options.first.wait_for()
        assert page.locator(PLANTED).count() == 0
        page.keyboard.press("Escape")
    open_choices(page, "Model")
    page.get_by_role("option", name=IMAGE).click()
    wait_until_drawn(page)
    assert page.locator(PLANTED).count() == 0
    assert page.title() == f"Usage · {TITLE}"


def test_a_finding_with_hostile_names_can_be_chosen(page: Any, address: str) -> None:
    go(page, address, "findings")
    open_choices(page, "Finding")
    page.get_by_role("option").filter(has_text=SCRIPT).first.click()
    page.get_by_role("heading", name="Events behind the finding").wait_for()
    assert page.locator(PLANTED).count() == 0


def choose(page: Any, label: str, text: str) -> None:
    open_choices(page, label)
    page.get_by_role("option").filter(has_text=text).first.click()
    page.keyboard.press("Escape")
    wait_until_drawn(page)


def shown(page: Any) -> tuple[str, str]:
    """Return the title of the page and the text of its filters."""
    page.get_by_role("button", name="Clear filters").wait_for()
    page.locator("[data-testid=stSidebarUserContent]").get_by_text(SCRIPT).first.wait_for()
    return page.title(), page.locator("[data-testid=stSidebarUserContent]").inner_text()


def test_filters_stay_on_every_page_and_are_in_its_address(page: Any, address: str) -> None:
    go(page, address)
    choose(page, "Period", "Whole log")
    choose(page, "User", SCRIPT)
    assert page.locator("[data-testid=stSidebarUserContent]").get_by_text(SCRIPT).count() >= 1
    visited = []
    for name in list(PAGES)[1:]:
        page.get_by_role("link", name=PAGES[name].title, exact=True).click()
        page.get_by_role("heading", name=PAGES[name].title, exact=True, level=1).wait_for()
        wait_until_scripts_end(page)
        assert "period=Whole+log" in page.url and "user=" in page.url
        visited.append((page.url, shown(page)))
    page.reload()
    wait_until_scripts_end(page)
    assert (page.url, shown(page)) == visited[-1]
    page.go_back()
    page.get_by_role("heading", name=PAGES[list(PAGES)[-2]].title, exact=True, level=1).wait_for()
    wait_until_scripts_end(page)
    assert (page.url, shown(page)) == visited[-2]


def test_the_user_filter_searches_for_the_text_and_selects_nothing_by_itself(page: Any, address: str) -> None:
    go(page, address)
    open_choices(page, "User")
    assert page.get_by_text(re.compile("select all", re.IGNORECASE)).count() == 0
    page.keyboard.type("mallory")
    assert page.get_by_role("option").filter(has_text="Mallory").count() == 1
    # The letters are in the name, in this order, but it does not contain them.
    page.keyboard.press("ControlOrMeta+a")
    page.keyboard.type("mlory")
    page.get_by_text("No results").wait_for()


def test_the_download_is_harmless_in_a_spreadsheet(page: Any, address: str) -> None:
    go(page, address, "changes")
    button = page.get_by_role("button", name="Download CSV").first
    with page.expect_download() as download:
        button.click()
    assert download.value.suggested_filename == "newest_changes.csv"
    rows = list(csv.reader(io.StringIO(Path(download.value.path()).read_text("utf-8-sig"), newline="")))
    cells = {cell for row in rows for cell in row}
    assert f"'{FORMULA}" in cells or FORMULA not in cells
    assert SCRIPT in cells and not any(cell.startswith(("=", "+", "@")) for cell in cells)


def test_events_are_searched_and_the_whole_result_is_downloaded(page: Any, address: str) -> None:
    page.goto(f"{address}/events?text=mallory&outcome=failed")
    page.get_by_text("Events 1 to 6 of 6, newest first.").wait_for()
    assert page.locator(PLANTED).count() == 0
    box = page.get_by_role("textbox", name="Search")
    box.fill(f'"{IMAGE}"'.replace('"', " "))
    box.press("Enter")
    wait_until_scripts_end(page)
    assert "text=" in page.url and page.locator(PLANTED).count() == 0
    for label, suffix, begin in (
        ("CSV", "csv", b"\xef\xbb\xbf"),
        ("Excel", "xlsx", b"PK"),
        ("Parquet", "parquet", b"PAR1"),
    ):
        with page.expect_download() as download:
            page.get_by_role("button", name=f"Download all as {label}").click()
        assert re.fullmatch(rf"events_2026-02-06_2026-03-07_[a-z0-9_-]+\.{suffix}", download.value.suggested_filename)
        assert Path(download.value.path()).read_bytes().startswith(begin)


def test_the_evidence_of_a_finding_opens_as_events(page: Any, address: str) -> None:
    go(page, address, "findings")
    open_choices(page, "Finding")
    page.get_by_role("option").filter(has_text=SCRIPT).first.click()
    with page.context.expect_page() as opening:
        page.get_by_role("link", name="Open in the event search").click()
    found = opening.value
    found.get_by_text("Only the events behind this finding").wait_for()
    found.get_by_text(re.compile("Events 1 to .*, newest first")).wait_for()
    assert found.locator(PLANTED).count() == 0
    found.get_by_role("button", name="Search all events").click()
    found.get_by_text("Only the events behind this finding").wait_for(state="detached")
    assert "finding_id" not in found.url


def test_no_other_download_is_offered(page: Any, address: str) -> None:
    go(page, address, "changes")
    frame = page.locator("[data-testid=stDataFrame]").last
    frame.scroll_into_view_if_needed()
    frame.hover()
    assert page.get_by_role("button", name=re.compile("Fullscreen")).count() >= 1
    assert page.get_by_role("button", name=re.compile("Download as CSV")).filter(visible=True).count() == 0
    assert page.get_by_role("button", name="Deploy").count() == 0
    assert page.locator("[data-testid=stAppDeployButton]").count() == 0


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", PAGES)
def test_nothing_is_wider_than_a_telephone(opened: Any, address: str, name: str, scheme: str) -> None:
    with opened.new_context(viewport={"width": 390, "height": 844}, color_scheme=scheme) as context:
        page = context.new_page()
        go(page, address, "" if name == "overview" else name)
        wide = (
            "[...document.querySelectorAll('[data-testid=stMain] *')].filter(e => e.getBoundingClientRect().right > 391"
        )
        assert page.evaluate(f"{wide} && e.closest('[data-testid=stMetric],[data-testid=stSubheader]')).length") == 0
        assert page.evaluate("document.documentElement.scrollWidth") <= 390


def test_the_keyboard_reaches_filters_tabs_and_downloads(page: Any, address: str) -> None:
    go(page, address, "sign-ins")
    reached = set()
    for _ in range(60):
        page.keyboard.press("Tab")
        reached.add(page.evaluate("(document.activeElement.getAttribute('role') || document.activeElement.tagName)"))
    assert reached >= {"A", "combobox", "tab", "BUTTON"}
