"""What is used: pages, apps, models, and at which hours."""

import streamlit as st

from .. import charts, queries
from ..cached import ask
from ..filters import Filters
from ..panels import numbers, page_title, panel
from ..people import named
from ..reading import dialect

KINDS = ("model", "board", "worksheet", "report", "dashboard", "app")


def show(filters: Filters) -> None:
    page_title("Usage", "Which pages, apps and models are used, by whom, and when. App pages belong to no workspace.")
    visits, people = ask(queries.daily_visits(filters)), ask(queries.daily_people(filters))
    events = ask(queries.daily_events(filters))
    numbers(
        {
            "Visits": (int(visits["visits"].sum()), "Apps, pages, dashboards and models opened."),
            "Events": (int(events["events"].sum()), "All events, visits among them."),
            "People a day": (round(people["people"].sum() / filters.days), "People with an event, on average."),
            "Busiest day": (int(people["people"].max()) if len(people) else 0, "Most people on one day."),
        }
    )
    panel("Visits a day", visits, lambda rows: charts.daily_bars(rows, "visits", "kind", KINDS))
    left, right = st.columns(2)
    with left:
        panel(
            "Most visited pages",
            queries.top_pages(filters),
            charts.page_bars,
        )
    with right:
        panel(
            "Busiest models", queries.top_models(filters), lambda rows: charts.top_bars(rows, "model_name", "events", 2)
        )
    panel(
        "Hours of the week",
        queries.hourly_visits(filters, dialect()),
        lambda rows: charts.hours(rows, "visits"),
        note="Visits by weekday and hour. The table has them by day.",
    )
    left, right = st.columns(2)
    with left:
        panel(
            "Most visited apps",
            queries.top_apps(filters),
            lambda rows: charts.top_bars(rows, "app_name", "visits"),
            note="Opening an app, or a page of it.",
        )
    with right:
        panel(
            "Most active users",
            queries.top_users(filters),
            lambda rows: charts.top_bars(rows, "user_name", "events", 3),
            prepare=named,
        )
