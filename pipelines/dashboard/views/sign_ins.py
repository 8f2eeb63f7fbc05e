"""Who signed in, who failed to, from where and with what."""

import streamlit as st

from .. import charts, queries
from ..cached import ask
from ..filters import Filters
from ..panels import details, numbers, page_title, panel

OUTCOMES = ("success", "failure")


def show(filters: Filters) -> None:
    page_title("Sign-ins", "Who signed in, who failed to, from where. Sign-ins belong to no workspace or model.")
    found = ask(queries.signed_in(filters)).iloc[0]
    attempts, failures = int(found["attempts"]), int(found["failures"])
    numbers(
        {
            "People signed in": (int(found["people"]), "Different users with a successful sign-in."),
            "Sign-ins": (attempts - failures, "Successful ones."),
            "Failed": (failures, "Sign-ins that were refused."),
            "Share failed": (f"{failures / attempts:.1%}" if attempts else "0%", "Of all attempts."),
        }
    )
    panel(
        "Sign-ins a day",
        queries.daily_sign_ins(filters),
        lambda rows: charts.daily_bars(rows, "sign_ins", "outcome", OUTCOMES),
    )
    left, right = st.columns(2)
    with left:
        panel(
            "Users with most failures",
            queries.users_failing(filters),
            lambda rows: charts.top_bars(rows, "user_name", "failures", 1),
            note="Failures of unknown accounts have no user: they count as unknown.",
        )
    with right:
        panel(
            "Addresses with most failures",
            queries.sign_ins_by("ip_address", filters),
            lambda rows: charts.top_bars(rows, "ip_address", "failures", 1),
            note="The table has attempts and users of each address too.",
        )
    panel(
        "Browsers and programs",
        queries.sign_ins_by("client", filters),
        lambda rows: charts.top_bars(rows.sort_values("attempts", ascending=False), "client", "attempts"),
    )
    details("Failed sign-ins", queries.sign_in_events(filters, ["failure"]))
    details("Successful sign-ins", queries.sign_in_events(filters, ["success"]))
