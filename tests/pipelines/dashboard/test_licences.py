"""The page of licences and adoption: who is idle, what is compared, the weeks, the files."""

from datetime import date
from pathlib import Path

import duckdb
import pandas as pd
import pytest

from pipelines.dashboard import charts, data_access, worklists
from pipelines.dashboard.filters import Filters
from pipelines.dashboard.queries import licences
from pipelines.dashboard.queries.shapes import Query
from pipelines.dashboard.views.licences import _size
from pipelines.dashboard.whole_results import written
from tests.support import scenario
from tests.support.dashboard_pages import Draw, numbers
from tests.support.hostile_log import HOSTILE_MODEL, MALLORY, SCRIPT
from tests.support.workbooks import cells

NEVER_CAME = scenario.EVE
TWO_DAYS = Filters(date(2026, 3, 5), date(2026, 3, 6), log_begins=date(2026, 3, 1))


@pytest.fixture
def idle_log(log: Path) -> Path:
    """The log, with a user idle for 95 days, one for 65, and one who never came."""
    with duckdb.connect(str(log)) as connection:
        connection.execute("use anaplan_audit")
        connection.execute("update user_activity set idle_days = 65")
        connection.execute(f"update user_activity set idle_days = 95 where user_id = '{MALLORY}'")
        connection.execute(
            f"update user_activity set idle_days = 3, usage_class = 'never came' where user_id = '{NEVER_CAME}'"
        )
        connection.execute("update model_activity set idle_days = 70, size_bytes = 1500000000")
        connection.execute("update workspace_activity set idle_days = 70")
    return log


def frame(query: Query) -> pd.DataFrame:
    return data_access.read(query.sql("duckdb"))


def test_the_chosen_days_decide_who_and_what_is_idle(idle_log: Path, page: Draw) -> None:
    drawn = page("licences")
    everything = {"Licences": "3", "Idle licences": "3", "Never came": "1", "Idle models": "1", "Their size": "1.5 GB"}
    assert numbers(drawn).items() >= {**everything, "Idle workspaces": "1"}.items()
    drawn.selectbox(key="idle").set_value("90 days").run()
    assert numbers(drawn).items() >= {"Idle licences": "2", "Idle models": "0", "Their size": "0 bytes"}.items()
    assert [table.value["user_id"].tolist() for table in drawn.dataframe if "idle_days" in table.value] == [
        [f"person?user={MALLORY}", f"person?user={NEVER_CAME}"]
    ]
    assert [info.value[:28] for info in drawn.info] == ["Nothing was idle for so long"] * 2


def test_filters_that_do_not_apply_to_a_figure_are_named(idle_log: Path, page: Draw) -> None:
    drawn = page("licences")
    drawn.multiselect(key="choose_user").set_value([MALLORY]).run()
    drawn.multiselect(key="choose_model").set_value([HOSTILE_MODEL]).run()
    assert not drawn.exception
    captions = [caption.value for caption in drawn.caption]
    assert "Licences, Idle licences, Never came: Not applied here: model." in captions
    assert "Idle models, Their size, Idle workspaces: Not applied here: user." in captions
    assert "Idle workspaces: Not applied here: model." in captions
    assert captions.count("Not applied here: period and model.") == 2
    assert numbers(drawn).items() >= {"Licences": "1", "People active": "1", "Models used": "1"}.items()


def test_a_period_is_compared_with_the_one_before_where_the_log_holds_it(log: Path, page: Draw) -> None:
    assert [frame(licences.active(part))["people"][0] for part in (TWO_DAYS, TWO_DAYS.before())] == [2, 3]
    (app,) = frame(licences.apps(TWO_DAYS))[["people", "people_before", "visits"]].itertuples(index=False, name=None)
    assert app == (2, 0, 3)
    (space,) = frame(licences.used_workspaces(TWO_DAYS)).itertuples(index=False)
    assert (space.people, space.people_before, space.uses) == (1, 1, 2)
    drawn = page("licences")
    assert {metric.delta for metric in drawn.metric} == {""}
    drawn.selectbox(key="period").set_value("Custom").run()
    drawn.date_input(key="days").set_value((TWO_DAYS.first, TWO_DAYS.last)).run()
    assert {metric.label: metric.delta for metric in drawn.metric if metric.delta}["People active"] == "-1"
    assert any("change" in table.value and "people_before" in table.value for table in drawn.dataframe)


def test_weeks_begin_on_monday_and_count_a_person_once(log: Path) -> None:
    week = Filters(date(2026, 3, 1), date(2026, 3, 8))
    assert frame(licences.weekly_people(week)).values.tolist() == [[2026, 9, 2], [2026, 10, 4]]
    assert frame(licences.weekly_people(TWO_DAYS)).values.tolist() == [[2026, 10, 4]], "not only the two days"
    by_app = frame(licences.weekly_by_app(week)).set_index("app_id")["people"].to_dict()
    assert by_app == {scenario.APP: 2, "app9": 1}
    by_space = frame(licences.weekly_by_workspace(week)).set_index("workspace_id")["people"].to_dict()
    assert by_space[scenario.SALES] == 1, "the first week has only an id of no list"


def test_a_week_without_a_row_is_zero_and_only_the_largest_have_a_line() -> None:
    span = Filters(date(2026, 3, 4), date(2026, 3, 20), log_begins=date(2026, 3, 1))
    rows = [(2026, 10, f"app{number}", SCRIPT, number) for number in range(1, 10)] + [(2026, 12, "app9", SCRIPT, 3)]
    weekly = pd.DataFrame(rows, columns=["iso_year", "iso_week", "app_id", "app_name", "people"])
    drawn = charts.weekly_lines(weekly, "people", "app_id", span, "app_name").to_dict()
    (points,) = drawn["datasets"].values()
    largest = [point["people"] for point in points if point["app_id"] == "app9"]
    assert largest == [9, 0, 3]
    assert {point["app_id"] for point in points} == {f"app{number}" for number in range(4, 10)}
    assert len({point["label"] for point in points}) == len(charts.colours())


def test_the_worklist_is_a_file_with_all_rows(idle_log: Path) -> None:
    book = written(licences.idle_users(TWO_DAYS, 60).sql("duckdb"), "xlsx", {"Idle for at least": "60 days"})
    headings, *rows = ([value for *_, value in row] for row in cells(book, 2))
    place = headings.index("user_id")
    assert [row[place] for row in rows] == [MALLORY, scenario.ANN, NEVER_CAME]
    assert ["Idle for at least", "60 days"] in [[value for *_, value in row] for row in cells(book, 1)]


def test_a_long_worklist_shows_its_first_rows_and_how_many_there_are(
    idle_log: Path, page: Draw, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worklists, "DETAILS", 2)
    drawn = page("licences")
    assert not drawn.error and not drawn.exception
    assert "The first 2 of 3; the files have all." in [caption.value for caption in drawn.caption]
    assert next(len(table.value) for table in drawn.dataframe if "idle_days" in table.value) == 2


@pytest.mark.parametrize(("size", "text"), [(0, "0 bytes"), (999, "999 bytes"), (1500, "1.5 KB"), (2.5e13, "25.0 TB")])
def test_sizes_are_short(size: float, text: str) -> None:
    assert _size(size) == text
