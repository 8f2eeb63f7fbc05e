"""The time zone in which a reader wants to see moments. Days stay days in UTC, as in the tables."""

from zoneinfo import available_timezones

import pandas as pd
import streamlit as st

UTC = "UTC"
KEY = "zone"


def choose_zone() -> None:
    """Draw the choice of a time zone: UTC, that of the browser, and all others."""
    known = sorted(available_timezones() - {UTC})
    own = st.context.timezone
    first = [own] if own in known else []
    st.selectbox(
        "Time zone",
        [UTC, *first, *(name for name in known if name not in first)],
        key=KEY,
        bind="query-params",
        filter_mode="contains",
        help="Of moments and hours. Days are days in UTC.",
    )


def zone() -> str:
    """Return the name of the chosen time zone."""
    return str(st.session_state.get(KEY) or UTC)


def in_zone(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the rows with their moments in the chosen time zone."""
    moments = [name for name in frame.columns if isinstance(frame[name].dtype, pd.DatetimeTZDtype)]
    return frame.assign(**{name: frame[name].dt.tz_convert(zone()) for name in moments})
