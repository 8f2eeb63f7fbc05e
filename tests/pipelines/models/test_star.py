"""The tables that BI tools join facts to: one row a key, and no fact lost or doubled."""

from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from pipelines.transform import by_statements
from tests.support import scenario
from tests.support.model_warehouse import Warehouse
from tests.support.raw_rows import event
from tests.support.scenario import ANN
from tests.support.small_models import copy_models

pytestmark = pytest.mark.usual_engine("duckdb")

KEYS = {
    "dim_users": "user_id",
    "dim_models": "model_id",
    "dim_workspaces": "workspace_id",
    "dim_actions": "model_id, kind, action_id",
    "dim_integrations": "integration_id",
}
CURRENT = {f"{name}_current" for name in KEYS}


def calendar_row(day: date) -> tuple[Any, ...]:
    year, week, weekday = day.isocalendar()
    quarter = (day.month + 2) // 3
    return (day, day.year, quarter, day.month, day.day, year, week, weekday, f"{day:%A}", weekday > 5)


CALENDAR = ("date_day", "year", "quarter", "month", "day_of_month", "iso_year", "iso_week", "weekday", "weekday_name")


def test_dim_date_is_the_calendar(warehouse: Warehouse, tmp_path: Path) -> None:
    models = copy_models(tmp_path / "date", ("dim_date",))
    odd = [date(1, 1, 1), date(1969, 12, 31), date(2099, 12, 31), date(9999, 12, 31)]
    first, last = date(2019, 12, 29), date(2026, 12, 31)
    days = [event(number, "USR-8", None) | {"event_day": day} for number, day in enumerate([first, *odd])]
    # A load at midnight in New York and in UTC are in different years.
    warehouse.load("2026-01-01 00:00", events=days)
    warehouse.enrich(models)
    every_day = [first + timedelta(number) for number in range((last - first).days + 1)]
    expected = sorted(map(calendar_row, {*every_day, *odd}))
    assert sorted(warehouse.rows("dim_date", *CALENDAR, "is_weekend")) == expected
    assert [one for one in warehouse.check(models) if not one.passed] == []


def test_current_tables_have_one_row_a_key(
    warehouse: Warehouse, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    models = copy_models(tmp_path / "dims", ("fct_events", "dim_date", *KEYS, *CURRENT))
    written: set[str] = set()
    change = by_statements.model_change

    def recorded(load: Any, datasets: Any, enrichment: Any, model: Any, *others: Any) -> Any:
        written.add(model.name)
        return change(load, datasets, enrichment, model, *others)

    def enriched() -> set[str]:
        written.clear()
        warehouse.enrich(models)
        return written & {"dim_date", *KEYS, *CURRENT}

    monkeypatch.setattr(by_statements, "model_change", recorded)
    warehouse.load(**scenario.WORLD)
    assert enriched() == {"dim_date", *KEYS, *CURRENT}
    for name, key in KEYS.items():
        current = f"{name}_current"
        columns = warehouse.columns(current)
        assert columns == [one for one in warehouse.columns(name) if one not in ("is_current", "starts_at", "ends_at")]
        assert warehouse.rows(current) == warehouse.rows(name, *columns, where="is_current")
        assert warehouse.rows(current, f"count(distinct ({key}))", "count(*)") == [(len(warehouse.rows(current)),) * 2]
    assert [one for one in warehouse.check(models) if not one.passed] == []
    # Events name ids, which dimensions list. An hour that brings no new day leaves the calendar.
    of_events = {f"dim_{one}{part}" for one in ("users", "models", "workspaces") for part in ("", "_current")}
    warehouse.load("2026-03-10 01:00", events=[event(90, "USR-8", "2026-03-07 08:00", user_id=ANN)])
    assert enriched() == of_events
    warehouse.load("2026-03-10 02:00", events=[event(91, "USR-8", "2026-03-08 08:00", user_id=ANN)])
    assert enriched() == {"dim_date", *of_events}
    assert warehouse.rows("dim_date", "date_day", where="date_day = '2026-03-08'") == [(date(2026, 3, 8),)]
    assert enriched() == set()
