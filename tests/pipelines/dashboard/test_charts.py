"""Charts show the whole period, in order, and name the time zone."""

from datetime import date
from typing import Any

import pandas as pd
import pytest

from pipelines.dashboard import charts, zones
from pipelines.dashboard.coverage import AS_WANTED, STATUSES
from pipelines.dashboard.filters import Filters
from pipelines.dashboard.rows import ids_last
from pipelines.dashboard.views import usage

PERIOD = Filters(date(2026, 1, 1), date(2026, 1, 31), log_begins=date(2026, 1, 10))
ONE_EVENT = pd.DataFrame({"event_day": pd.to_datetime(["2026-01-15"]), "events": [1]})


@pytest.fixture(autouse=True)
def _theme(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(charts, "theme", lambda: "light")


def axis(chart: Any) -> tuple[list[str], str]:
    x = chart.to_dict()["encoding"]["x"]
    ends = [date(end["year"], end["month"], end["date"]).isoformat() for end in x["scale"]["domain"] if end["utc"]]
    return ends, x["title"]


def test_axes_span_the_period_with_one_event_and_name_their_time_zone() -> None:
    assert axis(charts.daily_bars(ONE_EVENT, "events", PERIOD)) == (["2026-01-01", "2026-02-01"], "day (UTC)")
    line = charts.daily_line(ONE_EVENT, "events", PERIOD)
    assert axis(line) == (["2026-01-01", "2026-01-31"], "day (UTC)")
    assert len(line.data) == 22 and line.data["events"].sum() == 1


def test_weeks_of_the_calendar_are_in_order_across_years() -> None:
    days = pd.date_range("2025-12-20", "2026-01-20", name="event_day").to_frame(index=False)
    chart = charts.calendar(days.assign(status="complete", hours=24.0, events=1), STATUSES, AS_WANTED)
    x = chart.to_dict()["layer"][0]["encoding"]["x"]
    assert (x["sort"], x["title"]) == ("ascending", "week of (UTC)")
    weeks = list(
        dict.fromkeys(chart.layer[0].data["week"] if hasattr(chart.layer[0].data, "columns") else chart.data["week"])
    )
    assert weeks == sorted(weeks) and weeks[0] == "2025-12-15"


def test_hours_are_those_of_the_chosen_time_zone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(usage, "zone", lambda: "Asia/Kolkata")
    monkeypatch.setattr(charts, "zone", lambda: "Asia/Kolkata")
    quarters = [
        pd.Timestamp(text, tz="UTC").value // 900_000_000_000 for text in ("2026-01-01 18:15", "2026-01-01 18:45")
    ]
    rows = usage._by_hour(pd.DataFrame({"quarter": quarters, "visits": [1, 2]}))
    assert [(f"{row.day:%a}", row.hour, row.visits) for row in rows.itertuples()] == [("Thu", 23, 1), ("Fri", 0, 2)]
    assert charts.hours(rows, "visits").to_dict()["encoding"]["x"]["title"] == "hour (Asia/Kolkata)"


def test_moments_of_a_table_are_in_the_chosen_time_zone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(zones, "zone", lambda: "Asia/Kolkata")
    frame = zones.in_zone(pd.DataFrame({"occurred_at": pd.to_datetime(["2026-01-01 18:45"], utc=True)}))
    assert frame["occurred_at"][0].isoformat() == "2026-01-02T00:15:00+05:30"


def test_ids_come_after_names() -> None:
    assert list(ids_last(pd.DataFrame(columns=["model_id", "model_name", "event_id", "events"]))) == [
        "model_name",
        "events",
        "model_id",
        "event_id",
    ]


def test_a_label_that_is_cut_is_whole_in_the_tooltip() -> None:
    rows = pd.DataFrame({"name": ["a" * 100], "events": [1]})
    chart = charts.top_bars(rows, "name", "events")
    assert list(chart.layer[0].data["whole"] if hasattr(chart.layer[0].data, "columns") else chart.data["whole"]) == [
        "a" * 100
    ]
