"""Every page, drawn with Streamlit's test client."""

from datetime import date, timedelta
from pathlib import Path

import duckdb
import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from pipelines.dashboard import cached, data_access
from pipelines.dashboard.app import PAGES
from pipelines.dashboard.options import options
from pipelines.warehouse.reader import Reader
from tests.conftest import REPOSITORY, Engine
from tests.support import scenario
from tests.support.dashboard_pages import Draw, numbers, writer
from tests.support.hostile_log import FORMULA, HOSTILE_SPACE, IMAGE, LINK, MALLORY, SCRIPT

PERIOD = "event_day between '2026-02-06' and '2026-03-07'"


def markup(page: AppTest) -> str:
    """Return everything that Streamlit draws as Markdown or HTML, including widget labels."""
    elements = [*page.markdown, *page.caption, *page.title, *page.subheader, *page.info, *page.success, *page.error]
    labels = [widget.label for widget in (*page.metric, *page.selectbox, *page.multiselect, *page.button)]
    return "\n".join([*(element.value for element in elements), *labels, *(metric.value for metric in page.metric)])


@pytest.mark.parametrize("name", PAGES)
def test_a_page_is_drawn_and_shows_no_log_text_as_markup(log: Path, page: Draw, name: str) -> None:
    drawn = page(name)
    assert not drawn.exception
    assert [title.value for title in drawn.title] == [PAGES[name].title]
    assert not drawn.error
    assert drawn.dataframe and drawn.get("download_button")
    shown = markup(drawn)
    assert not any(text in shown for text in (SCRIPT, IMAGE, LINK, FORMULA, HOSTILE_SPACE))


def test_metrics_equal_the_tables(log: Path, page: Draw, duck: Engine) -> None:
    ((people, failures),) = duck.rows(
        "select count(distinct case when outcome = 'success' then user_id end),"
        f" count(*) filter (outcome = 'failure') from anaplan_audit.fct_sign_ins where kind = 'sign_in' and {PERIOD}"
    )
    ((changes,),) = duck.rows(f"select count(*) from anaplan_audit.fct_model_changes where {PERIOD}")
    ((access,),) = duck.rows(f"select count(*) from anaplan_audit.fct_access_changes where {PERIOD}")
    ((high,),) = duck.rows("select count(*) from anaplan_audit.security_findings where severity = 'high'")
    assert numbers(page("overview")) == {
        "Signed in": str(people),
        "Failed sign-ins": str(failures),
        "Model changes": str(changes),
        "Access changes": str(access),
        "High findings": str(high),
        "Days with gaps": "3",
    }
    assert failures >= 6 and high >= 2


def test_filters_narrow_every_number(log: Path, page: Draw) -> None:
    drawn = page("changes")
    everything = int(numbers(drawn)["Changes"])
    drawn.multiselect(key="choose_user").set_value([MALLORY]).run()
    assert int(numbers(drawn)["Changes"]) == 1 < everything
    drawn.multiselect(key="choose_workspace").set_value([HOSTILE_SPACE]).run()
    assert int(numbers(drawn)["Changes"]) == 1
    drawn.button[0].click().run()
    assert int(numbers(drawn)["Changes"]) == everything


def test_custom_period(log: Path, page: Draw) -> None:
    drawn = page("sign-ins")
    drawn.selectbox(key="period").set_value("Custom").run()
    drawn.date_input(key="days").set_value((date(2026, 3, 4), date(2026, 3, 4))).run()
    assert numbers(drawn)["Failed"] == "6"
    drawn.date_input(key="days").set_value((date(2026, 3, 7), date(2026, 3, 7))).run()
    assert numbers(drawn)["Share failed"] == "0%"
    assert "Nothing in this period with these filters." in [info.value for info in drawn.info]


def test_filters_that_do_not_apply_are_disabled(log: Path, page: Draw) -> None:
    names = ("choose_workspace", "choose_model", "choose_user")
    drawn = page("sign-ins")
    assert [drawn.multiselect(key=name).disabled for name in names] == [True, True, False]
    drawn = page("health")
    assert [drawn.multiselect(key=name).disabled for name in names] == [True, True, True]


def test_a_finding_shows_its_evidence(log: Path, page: Draw) -> None:
    drawn = page("findings")
    before = len(drawn.dataframe)
    drawn.selectbox(key="finding").select_index(0).run()
    assert not drawn.exception
    assert len(drawn.dataframe) == before + 1


@pytest.mark.parametrize("name", ["overview", "health"])
def test_without_a_database_the_page_shows_how_to_start(page: Draw, name: str) -> None:
    drawn = page(name)
    assert [title.value for title in drawn.title] == ["No audit log yet"]
    assert [code.value for code in drawn.code] == ["make demo", "make run"]
    assert not drawn.exception


def test_a_database_without_tables_shows_how_to_start(database: Path, page: Draw) -> None:
    duckdb.connect(str(database)).close()
    assert [title.value for title in page("usage").title] == ["No audit log yet"]


def test_a_tenant_without_events_says_so_and_asks_for_the_reason(log: Path, page: Draw) -> None:
    with duckdb.connect(str(log)) as connection:
        connection.execute("delete from anaplan_audit.agg_daily_usage")
    drawn = page("usage")
    assert [title.value for title in drawn.title] == ["No events"]
    assert "until 7 Mar 2026 08:00 UTC" in drawn.text[0].value
    assert "Is Audit enabled" in drawn.markdown[-1].value


def test_stale_data_is_reported_on_every_page(log: Path, page: Draw, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("sign-ins", "health"):
        (warning,) = page(name).warning
        assert "ago, on 7 Mar 2026 08:00 UTC" in warning.value
    assert int(numbers(page("health"))["Missing since"]) > 200
    monkeypatch.setattr(options, "max_age", timedelta(days=36_500))
    drawn = page("health")
    assert not drawn.warning and numbers(drawn)["Missing since"] == "0"


def test_days_with_gaps_are_reported_on_every_page_but_their_own(log: Path, page: Draw) -> None:
    note = "3 days of the period are not completely loaded, so figures may be too low: see the page Data health."
    assert [
        name for name in ("overview", "sign-ins", "health") if note in [text.value for text in page(name).caption]
    ] == [
        "overview",
        "sign-ins",
    ]
    with duckdb.connect(str(log)) as connection:
        connection.execute(
            "update anaplan_audit_raw.event_windows set window_end = '2026-03-04 00:00:00+00' where window_day = '2026-03-03'"
        )
        connection.execute("update anaplan_audit_raw.event_windows set status = 'complete'")
    st.cache_data.clear()
    assert not [text.value for text in page("usage").caption if "completely loaded" in text.value]


def test_chosen_filters_that_a_figure_does_not_apply_are_named(log: Path, page: Draw) -> None:
    drawn = page("overview")
    drawn.multiselect(key="choose_model").set_value([scenario.PLAN]).run()
    captions = [caption.value for caption in drawn.caption]
    assert "Signed in, Failed sign-ins, High findings: Not applied here: model." in captions
    assert captions.count("Not applied here: model.") == 2
    drawn = page("sign-ins")
    drawn.multiselect(key="model").set_value([scenario.PLAN]).run()
    assert "This page shows everything, whatever model is chosen." in [info.value for info in drawn.info]


def test_a_damaged_database_is_a_one_line_error(database: Path, page: Draw) -> None:
    database.write_text("no database at all" * 1000)
    drawn = page("overview")
    assert [title.value for title in drawn.title] == ["The page could not be read"]
    assert not drawn.exception and "Traceback" not in drawn.text[0].value


def test_during_a_load_cached_data_is_shown_with_its_time(
    log: Path, page: Draw, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cached, "LOOK_SECONDS", 0.0)
    monkeypatch.setattr(cached, "SHORT_WAIT", 0.0)
    monkeypatch.setattr(data_access, "WAIT_SECONDS", 0.0)
    drawn = page("sign-ins")
    before = numbers(drawn)
    with writer(log):
        drawn.run()
        assert numbers(drawn) == before
        assert drawn.info[0].value.startswith("A load is running. This is the log as of ")
        # Data that is not cached yet has to wait.
        drawn.selectbox(key="period").set_value("Last 7 days").run()
        assert [title.value for title in drawn.title] == ["A load is running"]
        assert not drawn.exception
    drawn.run()
    assert [title.value for title in drawn.title] == ["Sign-ins"]


def test_a_page_opens_the_database_once_and_the_first_one_reads_no_events(
    log: Path, page: Draw, monkeypatch: pytest.MonkeyPatch
) -> None:
    connect, execute = duckdb.connect, Reader.frame
    opened, asked = [], []
    monkeypatch.setattr(duckdb, "connect", lambda *path, **more: opened.append(path) or connect(*path, **more))
    monkeypatch.setattr(Reader, "frame", lambda self, owner, query: asked.append(query) or execute(self, owner, query))
    drawn = page("overview")
    assert not drawn.exception and numbers(drawn)["Signed in"] != "0"
    assert len(opened) == 1
    assert len(asked) > 10 and not any("fct_events" in query or "fct_page_visits" in query for query in asked)
    page("overview")
    assert len(opened) == 1, "the second page comes from the cache"


def test_the_script_opens_with_the_overview(log: Path) -> None:
    script = REPOSITORY / "pipelines" / "dashboard" / "app.py"
    drawn = AppTest.from_file(str(script), default_timeout=60).run()
    assert not drawn.exception
    assert [title.value for title in drawn.title] == ["Overview"]
