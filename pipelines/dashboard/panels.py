"""The parts pages are made of: a row of numbers, and a panel with a chart, its table and its download."""

import re
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import pandas as pd
import streamlit as st

from .cached import ask
from .charts import readable
from .downloads import to_csv
from .queries.shapes import DETAILS, Query

NONE = "Nothing in this period with these filters."
TABLE_PIXELS = 420

# What is not said here is the column's name with spaces.
HEADINGS = {
    "event_day": "day (UTC)",
    "occurred_at": "time (UTC)",
    "started_at": "first (UTC)",
    "ended_at": "last (UTC)",
    "last_at": "last (UTC)",
    "checked_at": "checked (UTC)",
    "window_start": "from (UTC)",
    "window_end": "until (UTC)",
    "user_name": "user",
    "target_user_name": "on whom",
    "object_name": "object",
    "model_name": "model",
    "workspace_name": "workspace",
    "app_name": "app",
    "role_name": "role",
    "run_name": "what",
    "kind": "kind",
    "event_message": "event",
    "evidence_count": "events",
}


def page_title(title: str, text: str) -> None:
    st.title(title, anchor=False)
    st.caption(text)


def numbers(values: Mapping[str, tuple[int | str, str]], before: Mapping[str, int | str] | None = None) -> None:
    """A row of headline numbers with their explanation, which wraps on a narrow screen."""
    with st.container(horizontal=True, gap="small", key="numbers"):
        for label, (value, meaning) in values.items():
            earlier = (before or {}).get(label)
            delta = value - earlier if isinstance(value, int) and isinstance(earlier, int) else None
            shown = f"{value:,}" if isinstance(value, int) else value
            change = None if delta is None else f"{delta:+,}"
            st.metric(label, shown, change, delta_color="off", help=meaning, border=True)


class Panel(NamedTuple):
    """A chart of what a question answers, and in a second tab its table with a download.

    `prepare` changes the rows of the answer before they are drawn and shown.
    """

    title: str
    query: Query | pd.DataFrame
    draw: Callable[[pd.DataFrame], Any]
    note: str = ""
    prepare: Callable[[pd.DataFrame], pd.DataFrame] | None = None


def row(*panels: Panel) -> None:
    """Draws panels beside each other, and below each other on a narrow screen."""
    for column, panel in zip(st.columns(len(panels)), panels, strict=True):
        with column, st.container(border=True):
            _draw(panel)


def _draw(panel: Panel) -> None:
    st.subheader(panel.title, anchor=False)
    if panel.note:
        st.caption(panel.note)
    frame = panel.query if isinstance(panel.query, pd.DataFrame) else ask(panel.query)
    frame = panel.prepare(frame) if panel.prepare else frame
    if frame.empty:
        st.info(NONE, icon=":material/filter_alt_off:")
        return
    chart, rows = st.tabs(["Chart", "Table"])
    with chart:
        label = f"Chart: {panel.title}. Its numbers are in the table."
        st.altair_chart(readable(panel.draw(frame)), width="stretch", alt=label)
    with rows:
        table(frame, panel.title)


def details(title: str, query: Query, note: str = "") -> pd.DataFrame:
    """A table of single events with a download."""
    with st.container(border=True):
        st.subheader(title, anchor=False)
        frame = ask(query)
        if frame.empty:
            st.info(NONE, icon=":material/filter_alt_off:")
            return frame
        if note:
            st.caption(note)
        if len(frame) >= DETAILS:
            st.caption(f"The newest {DETAILS}. Narrow the filters, or ask the tables with SQL, to see the others.")
        table(frame, title)
    return frame


def table(frame: pd.DataFrame, title: str) -> None:
    """A table of plain cells, and a button that downloads it. Cells are drawn as text, whatever they hold."""
    st.dataframe(
        frame,
        hide_index=True,
        column_config={name: _column(name, frame[name]) for name in frame.columns},
        height=min(TABLE_PIXELS, 36 * (len(frame) + 1) + 3),
        placeholder="",
        alt=title,
    )
    name = re.sub(r"[^a-z0-9]+", "_", title.lower()).strip("_")
    # Only a click is worth writing the file.
    st.download_button(
        "Download CSV",
        lambda: to_csv(frame),
        f"{name}.csv",
        "text/csv",
        key=f"download_{name}",
        on_click="ignore",
        icon=":material/download:",
    )


def _column(name: str, values: pd.Series) -> Any:
    heading = HEADINGS.get(name, name.replace("_", " "))
    if pd.api.types.is_datetime64_any_dtype(values):
        if values.dt.tz is None:
            return st.column_config.DateColumn(heading, format="YYYY-MM-DD")
        return st.column_config.DatetimeColumn(heading, format="YYYY-MM-DD HH:mm:ss", timezone="UTC")
    if name.endswith("_id"):
        return st.column_config.Column(heading, width="small")
    if pd.api.types.is_numeric_dtype(values) and not pd.api.types.is_bool_dtype(values):
        return st.column_config.NumberColumn(heading, format="localized")
    if name in ("message", "finding", "description", "first_rows"):
        return st.column_config.TextColumn(heading, width="large")
    return st.column_config.Column(heading)
