"""Superset imports the bundle, draws its dashboard, and shows the numbers of the tables. `make test-superset` runs it."""

from collections.abc import Mapping
from datetime import date, datetime, timedelta, timezone
from pathlib import Path
from typing import Any, NamedTuple

import duckdb

SIGN_IN = "kind = 'sign_in'"
PAGE = "kind in ('board', 'worksheet', 'report', 'dashboard')"
STARTED = "cast(started_at at time zone 'UTC' as date)"
RUNS, FAILED = "count(*)", "count(*) filter (outcome = 'failure')"


class Expected(NamedTuple):
    """What a chart has to show: columns of a table, grouped by some of them."""

    table: str
    columns: str
    groups: str = ""
    where: str = "true"
    day: str = "event_day"
    # The limit applies to the highest values of the first measure.
    measure: str = ""
    having: str = "true"

    def sql(self, period: str) -> str:
        """Return the query for a period."""
        grouped = f"group by {self.groups} having {self.having}" if self.groups else ""
        select = ", ".join(filter(None, (self.groups, self.columns)))
        return f"select {select} from anaplan_audit.{self.table} where {self.where} and {period} {grouped}"


PEOPLE = "count(distinct case when user_kind = 'person' then user_id end)"
CHARTS = {
    "Signed in": Expected("fct_sign_ins", PEOPLE, where=f"{SIGN_IN} and outcome = 'success'"),
    "Failed sign-ins": Expected("fct_sign_ins", "count(*)", where=f"{SIGN_IN} and outcome = 'failure'"),
    "Access denied": Expected("fct_denied_access", "count(*)"),
    "High findings": Expected("security_findings", "count(*)", where="severity = 'high'", day=STARTED),
    "People active a day": Expected("agg_daily_users", PEOPLE, "event_day"),
    "Sign-in attempts a day by outcome": Expected("fct_sign_ins", "count(*)", "event_day, outcome", SIGN_IN),
    "Events a day by category": Expected("agg_daily_usage", "sum(event_count)", "event_day, event_category"),
    "Most visited pages": Expected(
        "agg_daily_pages", "sum(visit_count)", "object_name, app_name, kind, object_id", PAGE, measure="page_visits"
    ),
    "Busiest models": Expected(
        "agg_daily_usage", "sum(event_count), sum(failure_count)", "model_name, workspace_name, model_id",
        "model_id is not null", measure="events",
    ),
    "Access changes": Expected("fct_access_changes", "count(*)", "kind, action, outcome"),
    "Failing integrations": Expected(
        "fct_integration_runs", f"{RUNS}, {FAILED}", "integration_name, integration_id", day=STARTED,
        having=f"{FAILED} > 0",
    ),
    "Findings by rule": Expected(
        "security_findings", "count(*), max(started_at at time zone 'UTC')", "severity, rule", day=STARTED
    ),
}  # fmt: skip


class Drawn(NamedTuple):
    """The dashboard as Chromium drew it: what each chart received, by its title, and the page."""

    received: dict[str, dict[str, Any]]
    page: Any


def drawn(context: Any, address: str, period: str = "") -> Drawn:
    """Open the dashboard, for a period of Superset's form, and wait until every chart has its data."""
    page = context.new_page()
    answers = []
    page.on("response", lambda answer: answers.append(answer) if "/api/v1/chart/data" in answer.url else None)
    chosen = (
        f"?native_filters=(NATIVE_FILTER-period:(extraFormData:(time_range:'{period}'),filterState:(value:'{period}'),"
        "id:NATIVE_FILTER-period,ownState:()))"
    )
    page.goto(f"{address}/superset/dashboard/anaplan-audit-log/{chosen if period else ''}")
    holders = page.locator(".dashboard-component-chart-holder")
    holders.first.wait_for()
    titles = {}
    for place in range(holders.count()):
        holders.nth(place).scroll_into_view_if_needed()
        holders.nth(place).locator(".loading").wait_for(state="detached")
        chart = holders.nth(place).locator("[data-test-chart-id]")
        titles[int(chart.get_attribute("data-test-chart-id"))] = chart.get_attribute("data-test-chart-name")
    assert {answer.status for answer in answers} == {200}
    received = {}
    for answer in answers:
        (result,) = answer.json()["result"]
        received[titles[answer.request.post_data_json["form_data"]["slice_id"]]] = result
    return Drawn(received, page)


def as_rows(result: Mapping[str, Any], groups: str) -> set[tuple[Any, ...]]:
    """Return rows with the series of a chart as a column. Zero and nothing are no point of a series."""
    names = result["colnames"]
    if groups == "event_day":
        return {(_day(row["event_day"]), row[names[1]]) for row in result["data"]}
    if groups.startswith("event_day, "):
        return {(_day(row["event_day"]), name, row[name]) for row in result["data"] for name in names[1:] if row[name]}
    return {
        tuple(_moment(row[name]) if name == "last_finding" else row[name] for name in names) for row in result["data"]
    }


def _moment(milliseconds: float) -> datetime:
    return datetime.fromtimestamp(milliseconds / 1000, timezone.utc).replace(tzinfo=None)


def _day(milliseconds: float) -> date:
    return _moment(milliseconds).date()


def expected_rows(connection: duckdb.DuckDBPyConnection, chart: Expected, period: str) -> set[tuple[Any, ...]]:
    found = connection.sql(chart.sql(period.format(day=chart.day))).fetchall()
    return {
        tuple(value.replace(microsecond=value.microsecond // 1000 * 1000) if isinstance(value, datetime) else value
              for value in row)
        for row in found
    }  # fmt: skip


def assert_equal_numbers(received: Mapping[str, Mapping[str, Any]], copy: Path, period: str) -> None:
    assert received.keys() == CHARTS.keys()
    with duckdb.connect(str(copy), read_only=True) as connection:
        for title, chart in CHARTS.items():
            shown, expected = as_rows(received[title], chart.groups), expected_rows(connection, chart, period)
            if not chart.measure:
                assert shown == expected, title
                continue
            # A list of the highest twenty: which of equal ones is left out is open.
            assert shown <= expected and len(shown) == min(20, len(expected)), title
            place = received[title]["colnames"].index(chart.measure)
            assert sorted(row[place] for row in shown) == sorted(row[place] for row in expected)[-20:], title


def test_every_chart_shows_the_numbers_of_the_tables(signed_in: Any, address: str, copy: Path) -> None:
    shown = drawn(signed_in, address)
    assert_equal_numbers(shown.received, copy, "true")
    with duckdb.connect(str(copy), read_only=True) as connection:
        # A company in which a chart has nothing to show would prove little.
        assert all(connection.sql(chart.sql("true")).fetchall() for chart in CHARTS.values())


def test_the_period_of_the_dashboard_means_days_of_utc(signed_in: Any, address: str, copy: Path) -> None:
    with duckdb.connect(str(copy), read_only=True) as connection:
        (last,) = connection.sql("select max(event_day) - 3 from anaplan_audit.fct_events").fetchall()[0]
    first = last - timedelta(days=7)
    shown = drawn(signed_in, address, f"{first} : {last}")
    assert_equal_numbers(shown.received, copy, f"{{day}} >= date '{first}' and {{day}} < date '{last}'")


def test_the_dashboard_is_drawn(signed_in: Any, address: str, tmp_path: Path) -> None:
    shown = drawn(signed_in, address)
    page = shown.page
    assert page.locator("[role=alert], .ant-alert-error, .missing-chart-container").count() == 0
    for title, result in shown.received.items():
        holder = page.locator(f"[data-test-chart-name='{title}']")
        if CHARTS[title].groups.startswith("event_day"):
            assert holder.locator("canvas").count() >= 1, title
        elif CHARTS[title].groups:
            assert holder.locator("tbody tr").count() == len(result["data"]), title
        else:
            (row,) = result["data"]
            assert f"{next(iter(row.values())):,}" in holder.inner_text(), title
    page.screenshot(path=tmp_path / "dashboard.png", full_page=True)
    assert (tmp_path / "dashboard.png").stat().st_size > 50_000
