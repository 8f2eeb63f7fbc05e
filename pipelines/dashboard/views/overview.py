"""Page: the first look. Sign-ins, failures, changes, findings, and how fresh the data is."""

from typing import Any

import pandas as pd
import streamlit as st

from pipelines.dashboard import charts
from pipelines.dashboard.data_access import NothingLoaded
from pipelines.dashboard.queries import changes, findings, log, sign_ins, usage

from ..acknowledgements import OPEN, with_state
from ..cached import ask, watch
from ..coverage import gaps
from ..filters import Filters
from ..freshness import coverage
from ..panels import Panel, numbers, page_title, row, table
from .shared import busiest_models, daily_sign_ins, most_active_users, most_visited_pages

SHOWN = 8
LATEST = 10
NO_FINDING = "No security finding in this period."


def show(filters: Filters) -> None:
    """Draw the page `overview`."""
    page_title("Overview", _freshness())
    before, covered = filters.before(), filters.has_before
    numbers(_headline(filters), {name: value for name, (value, _) in _headline(before).items()} if covered else None)
    if covered:
        st.caption(f"Small numbers compare with the preceding {before.days} days.")
    if filters.places:
        st.caption(f"Signed in, Failed sign-ins, High findings: {filters.left_out('place')}")
    if filters.chosen:
        st.caption(f"Days with gaps: {filters.left_out('place', 'user')}")
    row(
        Panel(
            "People active a day", usage.daily_people(filters), lambda rows: charts.daily_line(rows, "people", filters)
        ),
        daily_sign_ins(filters),
    )
    row(most_visited_pages(filters, SHOWN), busiest_models(filters, SHOWN))
    left, right = st.columns(2)
    with left:
        row(most_active_users(filters, SHOWN))
    with right:
        _latest_findings(filters)


def _headline(filters: Filters) -> dict[str, tuple[int | str, str]]:
    signed_in, changed, access = (
        ask(query(filters)).iloc[0] for query in (sign_ins.signed_in, changes.changes, changes.access)
    )
    found = ask(findings.findings_by_rule(filters))
    return {
        "Signed in": (int(signed_in["people"]), "People of the user list with a successful sign-in."),
        "Failed sign-ins": (int(signed_in["failures"]), "Sign-ins that were refused."),
        "Model changes": (int(changed["changes"]), "Actions, imports, exports, processes and data changes."),
        "Access changes": (int(access["changes"]), "Roles, memberships, users and connections, including attempts."),
        "High findings": (
            int(found.loc[found["severity"] == "high", "findings"].sum()),
            "Security findings of high severity; see Security findings.",
        ),
        "Days with gaps": (_gaps(filters), "Days of the period that are not completely loaded; see Data health."),
    }


def _gaps(filters: Filters) -> int | str:
    try:
        return gaps(coverage(filters))
    except NothingLoaded:
        return "?"


def _freshness() -> str:
    newest = ask(log.newest_event())["newest_event"].iloc[0]
    return f"Newest event {_moment(newest)} · enriched {_moment(watch().loaded_at)}"


def _moment(value: Any) -> str:
    return "unknown" if value is None or pd.isna(value) else f"{value:%-d %b %Y %H:%M} UTC"


def _latest_findings(filters: Filters) -> None:
    with st.container(border=True):
        st.subheader("Findings to look at", anchor=False)
        if filters.places:
            st.caption(filters.left_out("place"))
        found = with_state(ask(findings.every_finding(filters)))
        ids = found.loc[found["state"] == OPEN, "finding_id"].head(LATEST).tolist()
        if not ids:
            none = "Every security finding of this period is acknowledged." if len(found) else NO_FINDING
            st.success(none, icon=":material/verified_user:")
            return
        newest = ask(findings.findings_with(ids))
        table(newest[["severity", "finding", "user_label", "evidence_count", "ended_at"]], "Findings to look at")
