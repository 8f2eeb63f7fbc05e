"""What is shown instead of a page: nothing loaded yet, a load is running, the destination fails."""

import time
from datetime import datetime
from typing import Any

import streamlit as st
from dlt.common import logger

from pipelines.common.exit_codes import explain
from pipelines.common.names import command_line
from pipelines.dashboard import data_access
from pipelines.monitoring.problems import duration

from .filters import Filters

RETRY_SECONDS = 3


def nothing_loaded() -> None:
    """Draw how to start, instead of a page without data."""
    st.title("No audit log yet", anchor=False)
    with data_access.opened() as places:
        st.text(f"There is nothing to show in {places.database}: no events were loaded and enriched.")
        if places.tenant:
            st.markdown(f"Load tenant {places.tenant}, after you put its credentials into `.dlt/secrets.toml`:")
            st.code(command_line("run"), language=None)
            st.button("Look again", icon=":material/refresh:", type="primary")
            return
    st.markdown("Try it with a simulated company, which needs no configuration:")
    st.code("make demo", language=None)
    st.markdown("Or load your tenant, after you put your credentials into `.dlt/secrets.toml`:")
    st.code("make run", language=None)
    st.button("Look again", icon=":material/refresh:", type="primary")


def busy() -> None:
    """Show that a load locks the file, and that no earlier result of this view is cached."""
    st.title("A load is running", anchor=False)
    st.text("Nobody can read a DuckDB file while a load writes to it. This page tries again every few seconds.")
    _look_again(time.monotonic())


def busy_note(loaded_at: datetime | None) -> None:
    """Show that a load is running, and the age of the shown data."""
    moment = f"{loaded_at:%-d %b %Y %H:%M} UTC" if loaded_at else "before"
    st.info(f"A load is running. This is the log as of {moment}.", icon=":material/sync:")
    _look_again(time.monotonic())


def empty_log(until: datetime) -> None:
    """Say that the tenant has no events, and ask for the usual reason."""
    st.title("No events", anchor=False)
    st.text(f"The log was loaded until {until:%-d %b %Y %H:%M} UTC, and it contains no event.")
    st.markdown(
        "Is Audit enabled for this tenant? A tenant administrator enables it in Anaplan's Administration. Before that,"
        " Anaplan records no event."
    )
    st.button("Look again", icon=":material/refresh:", type="primary")


def stale_note(freshness: dict[str, Any]) -> None:
    """Show that the data is older than `status --max-age` allows."""
    until, minutes = freshness["covered_until"], freshness["minutes_ago"]
    if not freshness["stale"] or until is None:
        return
    if minutes < 0:
        text = f"The data ends {duration(-minutes)} in the future: a clock is or was wrong."
    else:
        text = (
            f"The data ends {duration(minutes)} ago, on {until:%-d %b %Y %H:%M} UTC. Later events are missing on every"
            " page. Check the last runs and the schedule."
        )
    st.warning(text, icon=":material/warning:")


def gaps_note(days: int) -> None:
    """Show how many days of the period are not complete: their figures are too low, and charts draw them as if not."""
    if days:
        what = "1 day of the period is" if days == 1 else f"{days:,} days of the period are"
        st.caption(f"{what} not completely loaded, so figures may be too low: see the page Data health.")


def filter_note(filters: Filters, user_is: str) -> None:
    """Show what a chosen user is on this page, and which chosen filters do not apply to it."""
    if filters.users:
        st.caption(f"The chosen user is {user_is}.")
    if filters.ignored:
        names = " and ".join(filters.ignored)
        st.info(f"This page shows everything, whatever {names} is chosen.", icon=":material/filter_alt_off:")


def broken(error: Exception) -> None:
    """Show the error as one line; log it on the server, because a traceback must never reach the page."""
    logger.error(f"dashboard: {error!r}")
    st.title("The page could not be read", anchor=False)
    st.error("The destination returned an error:", icon=":material/error:")
    # As text, not as Markdown: the message may contain text of others.
    st.text(explain(error)[1].replace(" Run again with --debug for the traceback.", ""))
    st.button("Try again", icon=":material/refresh:", type="primary")


@st.fragment(run_every=RETRY_SECONDS)
def _look_again(drawn: float) -> None:
    # The first call happens while the page is drawn; it must not redraw the page.
    if time.monotonic() - drawn > RETRY_SECONDS / 2:
        st.rerun()
