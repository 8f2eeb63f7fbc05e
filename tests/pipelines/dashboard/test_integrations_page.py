"""The page of integrations: runs by day and outcome, failures, durations, and the reason if none is known."""

from datetime import date
from pathlib import Path

import duckdb
import pytest

from pipelines.dashboard import data_access
from pipelines.dashboard.filters import Filters
from pipelines.dashboard.queries import integrations
from tests.conftest import SOURCE
from tests.support import scenario
from tests.support.dashboard_pages import Draw, numbers
from tests.support.hostile_log import HOSTILE_SPACE, SCRIPT

FOURTH = Filters(date(2026, 3, 4), date(2026, 3, 4))
RUN_TABLES = ("dim_integrations_current", "fct_integration_runs")


def test_runs_are_counted_by_day_and_outcome(log: Path, page: Draw) -> None:
    drawn = page("integrations")
    assert not drawn.exception
    assert numbers(drawn) == {
        "Runs": "3",
        "Failed": "2",
        "Share failed": "66.7%",
        "Integrations run": "1",
        "Average time": "1 min 0 s",
    }
    assert "Newest known run: 4 Mar 2026 12:00 UTC." in [caption.value for caption in drawn.caption]
    tables = {tuple(table.value.columns)[:2]: table.value for table in drawn.dataframe}
    days = tables["event_day", "outcome"]
    assert days["event_day"].dt.date.unique().tolist() == [date(2026, 3, 4)]
    assert dict(zip(days["outcome"], days["runs"], strict=True)) == {"failure": 2, "success": 1}
    assert tables["occurred_at", "integration_name"]["message"].tolist() == [SCRIPT, SCRIPT]
    listed = tables["integration_name", "integration_type"]
    assert listed[["runs", "failed"]].to_numpy().tolist() == [[3, 2]]
    drawn.multiselect(key="choose_workspace").set_value([scenario.SALES]).run()
    assert not drawn.exception and numbers(drawn)["Runs"] == "0"
    drawn.multiselect(key="choose_workspace").set_value([HOSTILE_SPACE]).run()
    assert numbers(drawn)["Runs"] == "3"


def test_a_listed_integration_without_a_run_is_shown(log: Path) -> None:
    other = Filters(date(2026, 3, 5), date(2026, 3, 7))
    rows = data_access.read(integrations.listed(other).sql("duckdb"))
    assert rows[["runs", "failed"]].to_numpy().tolist() == [[0, 0]] and rows["last_at"].isna().all()
    assert data_access.read(integrations.listed(FOURTH).sql("duckdb"))["runs"].tolist() == [3]


def test_only_integrations_with_a_failed_run_are_failing(log: Path) -> None:
    assert data_access.read(integrations.failing(FOURTH).sql("duckdb"))["failed"].tolist() == [2]
    with duckdb.connect(str(log)) as connection:
        connection.execute("update anaplan_audit.fct_integration_runs set outcome = 'success'")
    assert data_access.read(integrations.runs(FOURTH).sql("duckdb"))["runs"].tolist() == [3]
    assert data_access.read(integrations.failing(FOURTH).sql("duckdb")).empty


@pytest.mark.parametrize(
    ("setting", "reason"), [("true", "Restricted Integration User"), ("false", "setting `cloudworks` is off")]
)
def test_without_integrations_the_page_gives_the_reason(
    log: Path, page: Draw, monkeypatch: pytest.MonkeyPatch, setting: str, reason: str
) -> None:
    monkeypatch.setenv(f"{SOURCE}CLOUDWORKS", setting)
    with duckdb.connect(str(log)) as connection:
        for table in RUN_TABLES:
            connection.execute(f"delete from anaplan_audit.{table}")
    drawn = page("integrations")
    assert not drawn.exception and numbers(drawn)["Average time"] == "?"
    assert reason in drawn.warning[-1].value
    ((named,),) = data_access.read("select count(distinct integration_id) from fct_events").to_numpy().tolist()
    assert (f"Events of the log name {named} of them." in drawn.warning[-1].value) == bool(named)
