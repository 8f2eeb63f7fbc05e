"""The filters are in the address. What an address contains is text of a stranger."""

from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from tests.support.dashboard_pages import numbers
from tests.support.hostile_log import MALLORY, SCRIPT

HOSTILE = ["<img src=x onerror=alert(1)>", "' or 1=1 --", "x" * 10_000, "\x00", "[a](javascript:alert(1))"]


@pytest.fixture
def page(log: Path) -> AppTest:
    return AppTest.from_string("from pipelines.dashboard.app import show\nshow('changes')", default_timeout=60)


def test_an_address_chooses_the_filters(page: AppTest) -> None:
    page.query_params["user"] = [MALLORY]
    page.query_params["period"] = "Custom"
    page.query_params["days"] = ["2026-03-01", "2026-03-07"]
    drawn = page.run()
    assert not drawn.exception
    assert numbers(drawn)["Changes"] == "1"
    assert drawn.multiselect(key="choose_user").value == [MALLORY]
    assert any("1 Mar 2026 to 7 Mar 2026" in caption.value for caption in drawn.sidebar.caption)


def test_unknown_and_hostile_values_are_ignored(page: AppTest) -> None:
    everything = numbers(page.run())
    for name in ("user", "model", "workspace"):
        page.query_params[name] = HOSTILE
    page.query_params["period"] = SCRIPT
    page.query_params["days"] = ["2026-99-99", SCRIPT]
    drawn = page.run()
    assert not drawn.exception
    assert numbers(drawn) == everything


def test_a_choice_is_written_into_the_address(page: AppTest) -> None:
    page.run()
    page.multiselect(key="choose_user").set_value([MALLORY]).run()
    assert page.query_params["user"] == MALLORY
    page.button[0].click().run()
    assert not page.query_params
