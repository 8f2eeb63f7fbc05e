"""Page: what CloudWorks ran, what failed and why, and how long it took."""

from typing import Any

import dlt
import pandas as pd
import streamlit as st

from pipelines.dashboard import charts
from pipelines.dashboard.queries import integrations

from ..cached import ask
from ..filters import Filters
from ..panels import Panel, details, numbers, page_title, row

OUTCOMES = ("success", "failure", "unknown")
MINUTE = 60
OFF = (
    "No integration is known, because the setting `cloudworks` is off. Switch it on, and give the account the role"
    " Restricted Integration User and a workspace. The next run reads integrations and their runs."
)
UNREAD = (
    "No integration is known. Either CloudWorks has none, or it could not be read: the account needs the role"
    " Restricted Integration User, and a workspace. `python -m pipelines.audit check-access` shows which of them is"
    " missing, and each run names what it could not read."
)


def show(filters: Filters) -> None:
    """Draw the page `integrations`."""
    page_title("Integrations", "What CloudWorks ran: runs, failures with their codes, and durations. Days are in UTC.")
    known = ask(integrations.newest_run()).iloc[0]
    _say_what_is_missing(known)
    found = ask(integrations.runs(filters)).iloc[0]
    runs, failed = int(found["runs"]), int(found["failed"])
    numbers(
        {
            "Runs": (runs, "Runs of integrations that started in the period."),
            "Failed": (failed, "Runs that CloudWorks reports as failed."),
            "Share failed": (f"{failed / runs:.1%}" if runs else "0%", "Of all runs."),
            "Integrations run": (int(found["integrations"]), "Distinct integrations with a run in the period."),
            "Average time": (_time(found["seconds"]), "From the start to the end of a run."),
        }
    )
    row(
        Panel(
            "Runs a day",
            integrations.daily_runs(filters),
            lambda rows: charts.daily_bars(rows, "runs", filters, "outcome", OUTCOMES),
            prepare=_by_day,
        )
    )
    row(_failures(filters), _errors(filters))
    row(_durations(filters), _triggers(filters))
    details("Failed runs", integrations.failed_runs(filters))
    details(
        "Integrations",
        integrations.listed(filters),
        "As CloudWorks lists them now, with their runs of the period. A scheduled one without a run may have stopped.",
        filters.left_out("user"),
    )


def _say_what_is_missing(known: pd.Series) -> None:
    if known["integrations"]:
        last = known["last_at"]
        when = "none yet" if pd.isna(last) else f"{last:%-d %b %Y %H:%M} UTC"
        st.caption(f"Newest known run: {when}.")
        return
    named = int(ask(integrations.named_in_events())["integrations"].iloc[0])
    events = f" Events of the log name {named:,} of them." if named else ""
    is_read = dlt.config.get("sources.audit_source.cloudworks", bool) is not False
    st.warning(f"{UNREAD if is_read else OFF}{events}", icon=":material/help:")


def _failures(filters: Filters) -> Panel:
    return Panel(
        "Failing integrations",
        integrations.failing(filters),
        lambda rows: charts.top_bars(rows, "integration_name", "failed", 1, within="model_name"),
        note="The table has all their runs.",
    )


def _errors(filters: Filters) -> Panel:
    return Panel(
        "Failures by error code",
        integrations.errors(filters),
        lambda rows: charts.top_bars(rows, "what", "failed", 1),
        note="Each code with one of its messages.",
        prepare=lambda rows: rows.assign(
            what=rows["error_code"].fillna("no code") + (" · " + rows["message"]).fillna("")
        )[["what", *rows.columns]],
    )


def _durations(filters: Filters) -> Panel:
    return Panel(
        "Longest integrations",
        integrations.durations(filters),
        lambda rows: charts.top_bars(rows, "integration_name", "seconds", 2, within="model_name"),
        note="Seconds on average. The table also has the longest run and the sum.",
    )


def _triggers(filters: Filters) -> Panel:
    return Panel(
        "What starts them",
        integrations.triggers(filters),
        lambda rows: charts.top_bars(rows, "trigger_source", "runs"),
        note="Runs by what started them.",
    )


def _by_day(rows: pd.DataFrame) -> pd.DataFrame:
    days = pd.to_datetime(rows["day"].astype("int64"), unit="D")
    return rows.assign(event_day=days)[["event_day", "outcome", "runs"]].sort_values(["event_day", "outcome"])


def _time(seconds: Any) -> str:
    if seconds is None or pd.isna(seconds):
        return "?"
    minutes, rest = divmod(int(seconds), MINUTE)
    return f"{minutes:,} min {rest} s" if minutes else f"{rest} s"
