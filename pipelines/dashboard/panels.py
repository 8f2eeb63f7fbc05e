"""The parts of a page: a row of numbers, and panels with a chart, its table and its download."""

import re
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import pandas as pd
import streamlit as st

from .cached import ask
from .charts import readable
from .downloads import to_csv
from .links import link_column, linked
from .queries.shapes import DETAILS, Query
from .rows import exact, has_long_texts, ids_last
from .tenants import about_tenant
from .zones import in_zone, zone

NONE = "Nothing in this period with these filters."
TABLE_PIXELS = 420

# The heading of any other column is its name with spaces.
HEADINGS = {
    "event_day": "day (UTC)",
    "occurred_at": "time",
    "started_at": "first",
    "ended_at": "last",
    "last_at": "last",
    "changed_at": "time",
    "checked_at": "checked",
    "window_start": "from",
    "window_end": "until",
    "user_label": "user",
    "line_item_or_property": "line item",
    "target_user_label": "on whom",
    "role_label": "role",
    "model_label": "model",
    "last_user_label": "last user",
    "workspace_label": "workspace",
    "workspace_count": "workspaces",
    "usage_class": "class",
    "from_at": "from",
    "to_at": "until",
    "object_name": "object",
    "model_name": "model",
    "workspace_name": "workspace",
    "app_name": "app",
    "role_name": "role",
    "run_name": "what",
    "export_name": "export",
    "export_format": "format",
    "use_kind": "use",
    "integration_name": "integration",
    "process_name": "process",
    "kind": "kind",
    "event_message": "event",
    "evidence_count": "events",
}


def page_title(title: str, text: str) -> None:
    """Draw the title of a page."""
    st.title(title, anchor=False)
    st.caption(text)


def numbers(
    values: Mapping[str, tuple[int | str, str]], before: Mapping[str, int | str] | None = None, key: str = ""
) -> None:
    """Draw a row of headline numbers with their explanation; it wraps on a narrow screen.

    Args:
        before (Mapping[str, int | str] | None): The same numbers of the preceding period, where it is known.
        key (str): Differs from that of every other row of the page.
    """
    with st.container(horizontal=True, gap="small", key=f"numbers{key}"):
        for label, (value, meaning) in values.items():
            earlier = (before or {}).get(label)
            delta = value - earlier if isinstance(value, int) and isinstance(earlier, int) else None
            shown = f"{value:,}" if isinstance(value, int) else value
            change = None if delta is None else f"{delta:+,}"
            st.metric(label, shown, change, delta_color="off", help=meaning, border=True)


class Panel(NamedTuple):
    """A chart of a query's result, and in a second tab the table with a download.

    `prepare` changes the rows before they are drawn. `left_out` says which chosen filters do not apply.
    """

    title: str
    query: Query | pd.DataFrame
    draw: Callable[[pd.DataFrame], Any]
    note: str = ""
    prepare: Callable[[pd.DataFrame], pd.DataFrame] | None = None
    left_out: str = ""


def row(*panels: Panel) -> None:
    """Draw panels side by side, or below each other on a narrow screen."""
    for column, panel in zip(st.columns(len(panels)), panels, strict=True):
        with column, st.container(border=True):
            _draw(panel)


def _draw(panel: Panel) -> None:
    st.subheader(panel.title, anchor=False)
    notes(panel.note, panel.left_out)
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


def notes(*texts: str) -> None:
    """Draw texts that explain what is below them."""
    for text in filter(None, texts):
        st.caption(text)


def details(title: str, query: Query | pd.DataFrame, note: str = "", left_out: str = "") -> pd.DataFrame:
    """Draw a table of single events with a download; return its rows.

    Args:
        query (Query): What to ask, or the rows themselves.
        left_out (str): Which chosen filters do not apply to it.
    """
    with st.container(border=True):
        st.subheader(title, anchor=False)
        notes(left_out)
        frame = query if isinstance(query, pd.DataFrame) else ask(query)
        if frame.empty:
            st.info(NONE, icon=":material/filter_alt_off:")
            return frame
        if note:
            st.caption(note)
        if len(frame) >= DETAILS:
            st.caption(f"The newest {DETAILS}. To see the others, narrow the filters or query the tables with SQL.")
        table(frame, title)
    return frame


def table(frame: pd.DataFrame, title: str, *, with_download: bool = True) -> None:
    """Draw a table, and a button that downloads it. Cells are always drawn as text, never as markup."""
    frame = in_zone(exact(ids_last(frame)))
    st.dataframe(
        linked(frame),
        hide_index=True,
        column_config={name: _column(name, frame[name]) for name in frame.columns},
        height=min(TABLE_PIXELS, 36 * (len(frame) + 1) + 3),
        placeholder="",
        alt=title,
    )
    if has_long_texts(frame):
        st.caption("Double-click a cell to see its whole text.")
    if with_download:
        _download(frame, title)


def _download(frame: pd.DataFrame, title: str) -> None:
    name = re.sub(r"[^a-z0-9]+", "_", title.lower()).strip("_")
    # The file is written only when somebody clicks.
    st.download_button(
        "Download CSV",
        lambda: to_csv(frame),
        f"{'_'.join([*about_tenant().values(), name])}.csv",
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
        heading = f"{heading} ({zone()})"
        return st.column_config.DatetimeColumn(heading, format="YYYY-MM-DD HH:mm:ss", timezone=zone())
    if name.endswith("_id"):
        return link_column(name, heading) or st.column_config.Column(heading, width="small")
    if pd.api.types.is_numeric_dtype(values) and not pd.api.types.is_bool_dtype(values):
        return st.column_config.NumberColumn(heading, format="localized")
    if name in ("message", "finding", "description", "first_rows"):
        return st.column_config.TextColumn(heading, width="large")
    return st.column_config.Column(heading)
