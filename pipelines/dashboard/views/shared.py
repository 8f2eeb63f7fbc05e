"""Panels that several pages share."""

from pipelines.dashboard import charts
from pipelines.dashboard.queries import sign_ins, usage

from ..filters import Filters
from ..panels import Panel
from ..people import named
from ..queries.shapes import TOP

OUTCOMES = ("success", "failure")


def daily_sign_ins(filters: Filters) -> Panel:
    """Return the panel of sign-ins per day."""
    return Panel(
        "Sign-ins a day",
        sign_ins.daily_sign_ins(filters),
        lambda rows: charts.daily_bars(rows, "sign_ins", filters, "outcome", OUTCOMES),
        left_out=filters.left_out("place"),
    )


def most_visited_pages(filters: Filters, drawn: int = TOP) -> Panel:
    """Return the panel of the most visited pages."""
    return Panel("Most visited pages", usage.top_pages(filters), lambda rows: charts.page_bars(rows.head(drawn)))


def busiest_models(filters: Filters, drawn: int = TOP) -> Panel:
    """Return the panel of the models with the most activity."""
    return Panel(
        "Busiest models",
        usage.top_models(filters),
        lambda rows: charts.top_bars(rows.head(drawn), "model_name", "events", 2),
    )


def most_active_users(filters: Filters, drawn: int = TOP) -> Panel:
    """Return the panel of the most active users."""
    return Panel(
        "Most active users",
        usage.top_users(filters),
        lambda rows: charts.top_bars(rows.head(drawn), "user_label", "events", 3),
        prepare=named,
    )
