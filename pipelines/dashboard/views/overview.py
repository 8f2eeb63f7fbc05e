"""What an auditor asks first: who came, who failed, what changed, what looks odd, and how fresh it all is."""

from typing import Any

import pandas as pd
import streamlit as st

from .. import charts, queries
from ..cached import ask, watch
from ..coverage import COMPLETE, daily_coverage
from ..filters import Filters
from ..panels import numbers, page_title, panel, table
from ..people import named
from ..reading import RAW, NothingLoaded
from .sign_ins import OUTCOMES

SHOWN = 8


def show(filters: Filters) -> None:
    page_title("Overview", _freshness())
    log = ask(queries.bounds())
    before = filters.before()
    covered = before.first >= log["first_day"].iloc[0].date()
    numbers(_headline(filters), {name: value for name, (value, _) in _headline(before).items()} if covered else None)
    if covered:
        st.caption(f"Small numbers compare with the {before.days} days before.")
    left, right = st.columns(2)
    with left:
        panel("People active a day", queries.daily_people(filters), lambda rows: charts.daily_line(rows, "people"))
    with right:
        panel(
            "Sign-ins a day",
            queries.daily_sign_ins(filters),
            lambda rows: charts.daily_bars(rows, "sign_ins", "outcome", OUTCOMES),
        )
    left, right = st.columns(2)
    with left:
        panel(
            "Most visited pages",
            queries.top_pages(filters),
            lambda rows: charts.page_bars(rows.head(SHOWN)),
        )
    with right:
        panel(
            "Busiest models",
            queries.top_models(filters),
            lambda rows: charts.top_bars(rows.head(SHOWN), "model_name", "events", 2),
        )
    left, right = st.columns(2)
    with left:
        panel(
            "Most active users",
            queries.top_users(filters),
            lambda rows: charts.top_bars(rows.head(SHOWN), "user_name", "events", 3),
            prepare=named,
        )
    with right:
        _latest_findings(filters)


def _headline(filters: Filters) -> dict[str, tuple[int | str, str]]:
    signed_in, changed, access = (
        ask(query(filters)).iloc[0] for query in (queries.signed_in, queries.changes, queries.access)
    )
    found = ask(queries.findings_by_rule(filters))
    return {
        "Signed in": (int(signed_in["people"]), "People with a successful sign-in."),
        "Failed sign-ins": (int(signed_in["failures"]), "Sign-ins that were refused."),
        "Model changes": (int(changed["changes"]), "Actions, imports, exports, processes and data changes."),
        "Access changes": (int(access["changes"]), "Roles, memberships, users and connections, attempts included."),
        "High findings": (
            int(found.loc[found["severity"] == "high", "findings"].sum()),
            "Security findings of high severity; see Security findings.",
        ),
        "Days with gaps": (_gaps(filters), "Days of the period that are not wholly loaded; see Data health."),
    }


def _gaps(filters: Filters) -> int | str:
    try:
        days = daily_coverage(ask(queries.windows(filters), RAW))
    except NothingLoaded:
        return "?"
    return int((days["status"] != COMPLETE).sum())


def _freshness() -> str:
    newest = ask(queries.newest_event())["newest_event"].iloc[0]
    return f"Newest event {_moment(newest)} · enriched {_moment(watch().loaded_at)}"


def _moment(value: Any) -> str:
    return "unknown" if value is None or pd.isna(value) else f"{value:%-d %b %Y %H:%M} UTC"


def _latest_findings(filters: Filters) -> None:
    with st.container(border=True):
        st.subheader("Findings to look at", anchor=False)
        found = ask(queries.findings(filters))
        if found.empty:
            st.success("No security finding in this period.", icon=":material/verified_user:")
            return
        table(found.head(10)[["severity", "finding", "user_name", "evidence_count", "ended_at"]], "Findings to look at")
