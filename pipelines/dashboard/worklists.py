"""Tables to work through, with files of all rows."""

from collections.abc import Mapping

import streamlit as st
from sqlglot import exp

from .cached import ask
from .filters import Filters
from .panels import NONE, notes, table
from .queries.shapes import DETAILS, Query
from .whole_results import offer


def worklist(
    title: str,
    query: Query,
    filters: Filters,
    note: str = "",
    left_out: str = "",
    about: Mapping[str, str] | None = None,
    nothing: str = NONE,
) -> None:
    """Draw the first rows of a query, and buttons that download all of them.

    Args:
        left_out (str): Which chosen filters do not apply to it.
        about (Mapping[str, str] | None): What else the files say of their rows, beside the filters.
        nothing (str): What is shown if there is no row.
    """
    with st.container(border=True):
        st.subheader(title, anchor=False)
        notes(left_out)
        frame = ask(query.limit(DETAILS))
        if frame.empty:
            st.info(nothing, icon=":material/filter_alt_off:")
            return
        found = len(frame) if len(frame) < DETAILS else int(ask(_count(query))["found"].iloc[0])
        more = f"The first {DETAILS} of {found:,}; the files have all." if found > len(frame) else ""
        notes(note, more)
        table(frame, title, with_download=False)
        what = {"List": title, **(about or {}), **_chosen(filters), "Notes": left_out or "none", "Times": "UTC"}
        offer(query, found, what, f"{title} {filters.log_ends or filters.last}", title.lower().replace(" ", "_"))


def _count(query: Query) -> Query:
    listed = query.copy()
    listed.set("order", None)
    return exp.select(exp.Count(this=exp.Star()).as_("found")).from_(listed.subquery("listed"))


def _chosen(filters: Filters) -> dict[str, str]:
    """Return the period and the filters in words."""
    return {
        "First day (UTC)": filters.first.isoformat(),
        "Last day (UTC)": filters.last.isoformat(),
        "Users": ", ".join(filters.users) or "all",
        "Workspaces": ", ".join(filters.workspaces) or "all",
        "Models": ", ".join(filters.models) or "all",
    }
