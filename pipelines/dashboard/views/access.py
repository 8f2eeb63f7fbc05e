"""Who gave what access to whom."""

import streamlit as st

from .. import charts, queries
from ..cached import ask
from ..filters import Filters
from ..panels import details, numbers, page_title, panel

ACTIONS = ("granted", "revoked", "created", "deleted", "updated")


def show(filters: Filters) -> None:
    page_title("Access", "Roles, memberships, user accounts and connections: who gave or took what, and on whom.")
    found = ask(queries.access(filters)).iloc[0]
    numbers(
        {
            "Access changes": (int(found["changes"]), "Attempts included."),
            "Users concerned": (int(found["targets"]), "Different users on whom it was done."),
            "Denied or failed": (int(found["not_done"]), "Attempts that changed nothing."),
            "On themselves": (int(found["on_self"]), "Changes that users made to their own access."),
        }
    )
    panel(
        "Access changes a day",
        queries.daily_access(filters),
        lambda rows: charts.daily_bars(rows, "changes", "action", ACTIONS),
    )
    left, right = st.columns(2)
    with left:
        panel(
            "What was changed",
            queries.access_by_kind(filters),
            lambda rows: charts.top_bars(rows, "what", "changes"),
            prepare=lambda rows: rows.assign(
                what=rows["kind"].str.replace("_", " ") + " " + rows["action"].str.replace("_", " ")
            ).sort_values("changes", ascending=False),
        )
    with right:
        panel(
            "Roles given or taken",
            queries.access_by("role_id", "role_name", filters),
            lambda rows: charts.top_bars(rows, "role_name", "changes", 2),
        )
    left, right = st.columns(2)
    with left:
        panel(
            "Who changes access",
            queries.access_by("user_id", "user_name", filters),
            lambda rows: charts.top_bars(rows, "user_name", "changes", 3),
        )
    with right:
        panel(
            "Whose access is changed",
            queries.access_by("target_user_id", "target_user_name", filters),
            lambda rows: charts.top_bars(rows, "target_user_name", "changes", 4),
        )
    details("Newest access changes", queries.access_events(filters))
