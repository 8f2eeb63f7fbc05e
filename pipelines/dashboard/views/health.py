"""Page: whether the log is complete. Days with gaps, windows that are not complete, failed checks."""

import pandas as pd
import streamlit as st

from pipelines.common.names import command_line
from pipelines.dashboard import charts
from pipelines.dashboard.data_access import RAW, NothingLoaded
from pipelines.dashboard.queries import log, usage

from ..cached import ask_database, watch
from ..coverage import AS_WANTED, COMPLETE, STATUSES, daily_coverage, gaps
from ..filters import Filters
from ..freshness import coverage_until_today
from ..panels import Panel, numbers, page_title, row, table
from ..queries.shapes import Query


def show(filters: Filters) -> None:
    """Draw the page `health`."""
    page_title(
        "Data health",
        f"Whether the log is complete: each day is compared with the total that Anaplan reports. {watch().line()}.",
    )
    windows = _optional(log.windows(filters), RAW)
    checks = _optional(log.check_results())
    days, drawn = (pd.DataFrame({"status": []}),) * 2
    if windows is not None and len(windows):
        days, drawn = daily_coverage(windows), coverage_until_today(filters)
    failed = None if checks is None else checks[checks["status"] != "passed"]
    numbers(
        {
            "Days complete": (
                int((days["status"] == COMPLETE).sum()),
                "Days on which all events are verified as loaded.",
            ),
            "Days with gaps": (gaps(days), "Not loaded, incomplete or lost."),
            "Missing since": (
                len(drawn) - len(days),
                "Days after the end of the data, up to today. 0 while the data is not stale.",
            ),
            "Checks failed": ("?" if failed is None else len(failed), "Data checks of the last run."),
        }
    )
    row(
        Panel(
            "Coverage",
            drawn,
            lambda rows: charts.calendar(rows, STATUSES, AS_WANTED),
            note="A day with ! is not complete. The next run fetches incomplete days again. You can load days that are "
            "not loaded with --since while Anaplan keeps them. Lost days cannot be loaded. Purged days were removed on "
            "purpose. The first and the last day count as far as the log reaches.",
        )
    )
    row(Panel("Events a day", usage.daily_events(filters), lambda rows: charts.daily_bars(rows, "events", filters)))
    if windows is not None:
        _open_windows(windows)
    if checks is not None and failed is not None:
        _checks(checks, failed)


def _open_windows(windows: pd.DataFrame) -> None:
    with st.container(border=True):
        st.subheader("Windows that are not complete", anchor=False)
        wanting = windows[~windows["status"].isin(AS_WANTED)]
        if wanting.empty:
            st.success("None: everything that was requested has arrived.", icon=":material/check_circle:")
        else:
            table(wanting, "Windows that are not complete")


def _checks(checks: pd.DataFrame, failed: pd.DataFrame) -> None:
    with st.container(border=True):
        st.subheader("Data checks", anchor=False)
        if len(checks) and failed.empty:
            st.success(f"All {len(checks)} checks of the last run passed.", icon=":material/check_circle:")
        elif len(failed):
            st.error(f"{len(failed)} of {len(checks)} checks of the last run failed.", icon=":material/error:")
        else:
            st.info(f"No check has run yet: `{command_line('check')}`.")
        if len(checks):
            table(checks, "Data checks")


def _optional(query: Query, *owner: str) -> pd.DataFrame | None:
    try:
        return ask_database(query, *owner)
    except NothingLoaded:
        return None
