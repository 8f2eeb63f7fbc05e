"""The page of access that people have now: roles, workspaces, refusals, programs."""

from datetime import date
from pathlib import Path

import duckdb
import pandas as pd
import pytest

from pipelines.dashboard import data_access
from pipelines.dashboard.filters import Filters
from pipelines.dashboard.queries import access
from pipelines.dashboard.queries.shapes import Query
from pipelines.dashboard.whole_results import written
from tests.conftest import Engine
from tests.support import scenario
from tests.support.dashboard_pages import Draw, numbers
from tests.support.hostile_log import HOSTILE_MODEL, HOSTILE_SPACE, LINK, MALLORY, SCRIPT
from tests.support.workbooks import cells

ALL = Filters(date(2026, 3, 1), date(2026, 3, 31))


def frame(query: Query) -> pd.DataFrame:
    return data_access.read(query.sql("duckdb"))


def test_numbers_equal_the_tables_and_roles_say_who_gave_them(log: Path, page: Draw, duck: Engine) -> None:
    drawn = page("access-now")
    shown = numbers(drawn)
    ((roles, people, administrators),) = duck.rows(
        "select count(*), count(distinct case when user_kind = 'person' then user_id end),"
        " count(distinct case when role_label like '%Administrator' then user_id end)"
        " from anaplan_audit.role_assignments where is_held"
    )
    assert (shown["Roles held"], shown["People with a role"]) == (str(roles), str(people))
    assert shown["Administrators"] == str(administrators) == "2"
    assert (shown["With a workspace"], shown["Workspaces"]) == ("2", "2")
    assert (shown["Access denied"], shown["Users refused"]) == ("2", "1")
    ((programs,),) = duck.rows("select sum(event_count) from anaplan_audit.fct_sessions where use_kind = 'api'")
    assert (shown["Events by programs"], shown["Users of programs"]) == (str(programs), "1")
    tables = {tuple(table.value.columns): table.value for table in drawn.dataframe}
    (held,) = (
        table
        for names, table in tables.items()
        if "granted_by" in names and "from_at" in names and "to_at" not in names
    )
    assert set(zip(held["user_id"], held["granted_by_user_id"], strict=True)) >= {
        (f"person?user={scenario.EVE}", f"person?user={scenario.ANN}")
    }
    (ended,) = (table for names, table in tables.items() if "ended_by" in names)
    assert ended[["role_label", "granted_by", "end_reason", "ended_by"]].to_numpy().tolist() == [
        [LINK, "before the log", "revoked", "Ann Bell"]
    ]
    assert ended["from_at"].isna().all()


def test_filters_narrow_what_they_apply_to_and_name_the_rest(log: Path, page: Draw) -> None:
    drawn = page("access-now")
    drawn.multiselect(key="choose_user").set_value([MALLORY]).run()
    assert numbers(drawn).items() >= {"Roles held": "1", "With a workspace": "1", "Access denied": "0"}.items()
    drawn.multiselect(key="choose_user").set_value([])
    drawn.multiselect(key="choose_model").set_value([HOSTILE_MODEL]).run()
    assert not drawn.exception
    assert numbers(drawn).items() >= {"Roles held": "0", "With a workspace": "2", "Access denied": "1"}.items()
    captions = [caption.value for caption in drawn.caption]
    assert "With a workspace, Workspaces: Not applied here: model." in captions
    assert "Events by programs, Share of programs, Users of programs: Not applied here: model." in captions
    assert frame(access.entitlements(Filters(ALL.first, ALL.last, (HOSTILE_SPACE,))))["user_id"].tolist() == [MALLORY]


def test_without_entitlements_the_page_says_what_they_need(log: Path, page: Draw) -> None:
    with duckdb.connect(str(log)) as connection:
        connection.execute("delete from anaplan_audit.dim_user_entitlements")
    drawn = page("access-now")
    assert not drawn.exception and numbers(drawn)["Workspaces"] == "0"
    assert any("SCIM service" in info.value for info in drawn.info)


def test_a_period_is_compared_with_the_one_before(log: Path, page: Draw) -> None:
    drawn = page("access-now")
    drawn.selectbox(key="period").set_value("Custom").run()
    drawn.date_input(key="days").set_value((date(2026, 3, 5), date(2026, 3, 5))).run()
    deltas = {metric.label: metric.delta for metric in drawn.metric}
    assert (deltas["Access denied"], deltas["Events by programs"]) == ("+2", "+1")
    assert deltas["Roles held"] == ""


def test_parts_add_up_to_the_totals(log: Path) -> None:
    used = frame(access.uses(ALL)).iloc[0]
    assert frame(access.daily_uses(ALL))["events"].sum() == used["events"] > used["api_events"] > 0
    assert frame(access.clients(ALL))["events"].sum() == used["events"]
    assert frame(access.program_users(ALL))["events"].sum() == used["api_events"]
    denied = frame(access.refused(ALL)).iloc[0]["refusals"]
    for query in (access.daily_refusals, access.refused_users, access.refused_things):
        assert frame(query(ALL))["refusals"].sum() == denied == 2
    assert set(frame(access.refused_things(ALL))["what"]) >= {SCRIPT}
    held = frame(access.holders(ALL)).iloc[0]["roles"]
    for column in ("role_label", "granted_by"):
        assert frame(access.held_by(column, ALL))["roles"].sum() == len(frame(access.held_roles(ALL))) == held


@pytest.mark.parametrize("query", [access.held_roles, access.entitlements])
def test_lists_are_files_with_all_rows(log: Path, query: object) -> None:
    asked = query(ALL)  # type: ignore[operator]
    book = written(asked.sql("duckdb"), "xlsx", {})
    assert len(cells(book, 2)) - 1 == len(frame(asked)) == 3


def test_nothing_is_shown_on_both_pages_of_access(log: Path, page: Draw) -> None:
    changes, now = ({heading.value for heading in page(name).subheader} for name in ("access", "access-now"))
    assert changes & now == {"Filters"}
