"""A figure that is shown in two places is equal in both."""

import json
from collections.abc import Sequence
from datetime import date
from pathlib import Path

import duckdb
import pandas as pd
import pytest

from pipelines.cli import demo_data
from pipelines.cli.report import report as report_command
from pipelines.cli.report_tables import SummaryTable, summary_tables
from pipelines.cli.status import status as status_command
from pipelines.dashboard import data_access
from pipelines.dashboard.filters import Filters
from pipelines.dashboard.queries import findings, integrations, licences, sign_ins, usage
from pipelines.dashboard.queries.shapes import Query
from pipelines.warehouse.reader import open_reader

ALL = Filters(date(2026, 1, 1), date(2026, 12, 31))


@pytest.fixture
def report(log: Path) -> dict[str, SummaryTable]:
    with duckdb.connect(str(log)) as connection:
        # The log is a week long: without this, nothing would be idle.
        for table in ("user_activity", "model_activity", "workspace_activity"):
            connection.execute(f"update anaplan_audit.{table} set idle_days = coalesce(idle_days, 0) + 40")
    with open_reader(0.0, with_tables=False) as reader:
        return {table.title: table for table in summary_tables(reader, rows=15)}


def frame(query: Query) -> pd.DataFrame:
    return data_access.read(query.sql("duckdb"))


def columns(table: SummaryTable, *names: str) -> list[tuple]:
    places = [table.columns.index(name) for name in names]
    return [tuple(row[place] for place in places) for row in table.rows]


def rows(query: Query, *names: str) -> list[tuple]:
    found: Sequence = frame(query)[list(names)].itertuples(index=False, name=None)
    return [tuple(row) for row in found]


def test_report_and_dashboard_show_equal_figures(report: dict[str, SummaryTable]) -> None:
    ((people, attempts, failures),) = rows(sign_ins.signed_in(ALL), "people", "attempts", "failures")
    outcomes = {row[0]: row[1:] for row in columns(report["Sign-ins"], "outcome", "events", "people")}
    assert outcomes["success"] == (attempts - failures, people)
    assert outcomes["failure"][0] == failures > 0
    assert columns(report["Most visited pages"], "kind", "visits") == rows(usage.top_pages(ALL), "kind", "visits")
    assert columns(report["Most active users"], "events", "days") == rows(usage.top_users(ALL), "events", "days")
    assert columns(report["Busiest models"], "model", "events", "days") == rows(
        usage.top_models(ALL), "model_name", "events", "days"
    )
    assert columns(report["Idle licences"], "user", "class", "idle days") == rows(
        licences.idle_users(ALL), "user_label", "usage_class", "idle_days"
    )
    assert report["Idle licences"].rows and report["Idle models"].rows
    assert columns(report["Idle models"], "model", "idle days") == rows(
        licences.idle_models(ALL), "model_label", "idle_days"
    )
    assert sorted(columns(report["Security findings"], "severity", "rule", "findings")) == sorted(
        rows(findings.findings_by_rule(ALL), "severity", "rule", "findings")
    )
    failing = frame(integrations.failing(ALL))
    shown = columns(report["Failing integrations"], "runs", "failed") if "Failing integrations" in report else []
    assert shown == list(failing[["runs", "failed"]].itertuples(index=False, name=None))


def labels(query: Query, name: str, key: str) -> list[str]:
    return [found if isinstance(found, str) else other for found, other in rows(query, name, key)]


def test_report_and_dashboard_show_the_newest_name_of_what_was_renamed(log: Path) -> None:
    tables = {"object_name": ("fct_page_visits", "agg_daily_pages"), "model_name": ("fct_events", "agg_daily_usage")}
    with duckdb.connect(str(log)) as connection:
        connection.execute("use anaplan_audit")
        for column, (events, days) in tables.items():
            key = column.replace("name", "id")
            renamed = f"select {key} from {events} where {column} is not null group by 1 having min(event_day) < max(event_day)"
            # Last in the alphabet, but of the first day.
            for table in (days, events):
                old = f"(select min(event_day) from {events} as e where e.{key} = t.{key})"
                connection.execute(
                    f"update {table} as t set {column} = 'zzz' where {key} in ({renamed}) and event_day = {old}"
                )
            assert connection.execute(f"select count(*) from {events} where {column} = 'zzz'").fetchall() != [(0,)]
    with open_reader(0.0, with_tables=False) as reader:
        shown = {table.title: table for table in summary_tables(reader, rows=15)}
    pages = [name for (name,) in columns(shown["Most visited pages"], "page")]
    assert pages == labels(usage.top_pages(ALL), "object_name", "object_id")
    models = [name for (name,) in columns(shown["Busiest models"], "model")]
    assert models == labels(usage.top_models(ALL), "model_name", "model_id")


def test_numbers_of_idle_licences_are_those_of_the_list_and_of_the_report(report: dict[str, SummaryTable]) -> None:
    assert frame(licences.licences(ALL)).iloc[0]["idle"] == len(report["Idle licences"].rows) > 0
    assert frame(licences.models(ALL)).iloc[0]["idle"] == len(report["Idle models"].rows) > 0
    for days in (30, 60):
        assert frame(licences.licences(ALL, days)).iloc[0]["idle"] == len(frame(licences.idle_users(ALL, days)))
        assert frame(licences.models(ALL, days)).iloc[0]["idle"] == len(frame(licences.idle_models(ALL, days)))
        spaces = frame(licences.workspaces(ALL, days)).iloc[0]["idle"]
        assert spaces == len(frame(licences.idle_workspaces(ALL, days)))
    assert frame(licences.licences(ALL)).iloc[0]["licences"] == frame(licences.usage_classes(ALL))["people"].sum()


def test_figures_of_a_period_that_spans_the_log_are_those_of_the_whole_log(log: Path) -> None:
    ((models, spaces),) = rows(licences.used(ALL), "models", "workspaces")
    ((used_models, used_spaces),) = data_access.read(
        "select (select count(*) from model_activity where is_used) as models,"
        " (select count(*) from workspace_activity where is_used) as workspaces"
    ).itertuples(index=False)
    assert (models, spaces) == (used_models, used_spaces) != (0, 0)
    uses = data_access.read("select workspace_id, use_count as uses from workspace_activity where is_used")
    assert dict(rows(licences.used_workspaces(ALL), "workspace_id", "uses")).items() <= dict(uses.values).items()
    visits = dict(rows(usage.top_apps(ALL), "app_id", "visits"))
    assert dict(rows(licences.apps(ALL), "app_id", "visits")) == visits
    weekly = frame(licences.weekly_people(ALL))
    assert weekly["people"].max() <= frame(licences.active(ALL)).iloc[0]["people"] <= weekly["people"].sum()


def test_ids_in_no_list_are_not_people_who_signed_in(log: Path) -> None:
    known = frame(sign_ins.signed_in(ALL)).iloc[0]
    table = data_access.read(
        "select distinct user_id, user_kind from fct_sign_ins where kind = 'sign_in' and outcome = 'success'"
    )
    assert known["people"] == (table["user_kind"] == "person").sum()
    assert known["unlisted"] == (table["user_kind"] == "unknown").sum()


@pytest.fixture
def demo(log: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The demo's database, where there is no other."""
    moved = log.rename(log.with_name("demo_log.duckdb"))
    monkeypatch.setattr(demo_data, "DEMO_DATABASE", moved)
    # Restores the variable, which the command changes.
    monkeypatch.setenv("DESTINATION__DUCKDB__CREDENTIALS", str(log))
    return moved


def test_report_shows_the_demo_if_there_is_no_other_database(demo: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert report_command.callback is not None and report_command.callback(wait=0.0) == 0
    shown = capsys.readouterr().out.splitlines()
    assert shown[0].startswith("The demo's data") and "Sign-ins" in shown
    assert all(len(line) <= 80 for line in shown[1:])


def test_status_shows_the_demo_but_not_to_what_reads_json(demo: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert status_command.callback is not None
    # A lost database must not look like the demo's to what watches it.
    assert status_command.callback(json_wanted=True, max_age="3650d", runs=3, wait=0.0) == 1
    assert json.loads(capsys.readouterr().out)["ok"] is False
    status_command.callback(json_wanted=False, max_age="3650d", runs=3, wait=0.0)
    first, second = capsys.readouterr().out.splitlines()[:2]
    assert first.startswith("The demo's data") and str(demo) in second
