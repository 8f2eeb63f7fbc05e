"""Page: which pages, apps and models are used, and at which hours."""

import pandas as pd

from pipelines.dashboard import charts
from pipelines.dashboard.queries import usage

from ..cached import ask
from ..filters import Filters
from ..panels import Panel, numbers, page_title, row
from ..zones import zone
from .shared import busiest_models, most_active_users, most_visited_pages

QUARTER_SECONDS = 900
KINDS = ("model", "board", "worksheet", "report", "dashboard", "app")


def show(filters: Filters) -> None:
    """Draw the page `usage`."""
    page_title("Usage", "Which pages, apps and models are used, by whom, and when. App pages belong to no workspace.")
    visits, people = ask(usage.daily_visits(filters)), ask(usage.daily_people(filters))
    events = ask(usage.daily_events(filters))
    numbers(
        {
            "Visits": (int(visits["visits"].sum()), "Apps, pages, dashboards and models opened."),
            "Events": (int(events["events"].sum()), "All events, including visits."),
            "People a day": (round(people["people"].sum() / filters.days), "People with an event, on average."),
            "Busiest day": (int(people["people"].max()) if len(people) else 0, "Largest number of people on one day."),
        }
    )
    row(Panel("Visits a day", visits, lambda rows: charts.daily_bars(rows, "visits", filters, "kind", KINDS)))
    row(most_visited_pages(filters), busiest_models(filters))
    row(
        Panel(
            "Hours of the week",
            usage.hourly_visits(filters),
            lambda rows: charts.hours(rows, "visits"),
            note="Visits by weekday and hour. The table has them by day.",
            prepare=_by_hour,
        )
    )
    row(
        Panel(
            "Most visited apps",
            usage.top_apps(filters),
            lambda rows: charts.top_bars(rows, "app_name", "visits"),
            note="A visit opens an app or one of its pages.",
        ),
        most_active_users(filters),
    )


def _by_hour(rows: pd.DataFrame) -> pd.DataFrame:
    """Return day, hour and visits in the chosen time zone."""
    local = pd.to_datetime(rows["quarter"].astype("int64") * QUARTER_SECONDS, unit="s", utc=True).dt.tz_convert(zone())
    hourly = pd.DataFrame(
        {"day": local.dt.tz_localize(None).dt.normalize(), "hour": local.dt.hour, "visits": rows["visits"]}
    )
    return hourly.groupby(["day", "hour"], as_index=False)["visits"].sum()
