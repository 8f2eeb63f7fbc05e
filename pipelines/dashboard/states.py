"""What is shown instead of a page: nothing loaded yet, a load under way, a destination that does not answer."""

import time
from datetime import datetime

import streamlit as st
from dlt.common import logger

from pipelines.common.exit_codes import explain
from pipelines.dashboard import data_access

RETRY_SECONDS = 3


def nothing_loaded() -> None:
    st.title("No audit log yet", anchor=False)
    with data_access.opened() as places:
        st.text(f"There is nothing to show in {places.database}: no events were loaded and enriched.")
    st.markdown("See it with a simulated company, nothing to configure:")
    st.code("make demo", language=None)
    st.markdown("Or load your tenant, once `.dlt/secrets.toml` holds your credentials:")
    st.code("make run", language=None)
    st.button("Look again", icon=":material/refresh:", type="primary")


def busy() -> None:
    """A load keeps the file to itself, and nothing of this view was seen before it began."""
    st.title("A load is running", anchor=False)
    st.text("DuckDB lets nobody read while it writes. This page looks again every few seconds.")
    _look_again(time.monotonic())


def busy_note(loaded_at: datetime | None) -> None:
    moment = f"{loaded_at:%-d %b %Y %H:%M} UTC" if loaded_at else "before"
    st.info(f"A load is running. This is the log as of {moment}.", icon=":material/sync:")
    _look_again(time.monotonic())


def broken(error: Exception) -> None:
    """One line says what happened; the traceback goes to the log of the server, never to the page."""
    logger.error(f"dashboard: {error!r}")
    st.title("The page could not be read", anchor=False)
    st.error("The destination did not answer as it should:", icon=":material/error:")
    # Not Markdown: the text comes from anywhere.
    st.text(explain(error)[1].replace(" Run again with --debug for the traceback.", ""))
    st.button("Try again", icon=":material/refresh:", type="primary")


@st.fragment(run_every=RETRY_SECONDS)
def _look_again(drawn: float) -> None:
    # The first call is part of drawing the page.
    if time.monotonic() - drawn > RETRY_SECONDS / 2:
        st.rerun()
