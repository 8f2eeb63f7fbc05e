"""The filters beside the pages. They keep their values across pages; filters that do not apply are disabled."""

from collections.abc import Sequence
from datetime import date, timedelta

import pandas as pd
import streamlit as st

from .cached import ask
from .filters import Filters
from .people import MOST, names
from .queries import log

PERIODS = {"Last 7 days": 7, "Last 30 days": 30, "Last 90 days": 90, "Last year": 365, "Whole log": None}
CUSTOM = "From … until"


def choose_filters(first: date, last: date, applies: Sequence[str]) -> Filters:
    """Draw the filters and return the chosen ones; periods end at the newest day of the log."""
    with st.sidebar:
        st.subheader("Filters", anchor=False)
        begin, end = _period(first, last)
        places = ask(log.places())
        workspaces = _many("Workspace", _named(places, "workspace"), "place" in applies)
        inside = places[places["workspace_id"].isin(workspaces)] if workspaces else places
        models = _many("Model", _named(inside, "model"), "place" in applies)
        people = names()
        users = _many("User", _people(people), "user" in applies)
        if len(people) >= MOST:
            st.caption(f"The {MOST:,} most active users of the log.")
        if st.button("Clear filters", icon=":material/filter_alt_off:", width="stretch", on_click=_clear):
            st.rerun()
    return Filters(
        begin,
        end,
        tuple(workspaces if "place" in applies else ()),
        tuple(models if "place" in applies else ()),
        tuple(users if "user" in applies else ()),
    )


def _period(first: date, last: date) -> tuple[date, date]:
    chosen = st.selectbox("Period", [*PERIODS, CUSTOM], index=1, key="period")
    if chosen == CUSTOM:
        begin = max(first, last - timedelta(days=29))
        picked = st.date_input("Days (UTC)", (begin, last), min_value=first, max_value=last, key="days")
        days = picked if isinstance(picked, tuple) else (picked,)
        return (days[0], days[-1]) if days else (first, last)
    length = PERIODS[chosen]
    return (first, last) if length is None else (last - timedelta(days=length - 1), last)


def _many(label: str, options: dict[str, str], applies: bool) -> list[str]:
    key = label.lower()
    # Deselect models that do not belong to the chosen workspaces.
    st.session_state[key] = [value for value in st.session_state.get(key, []) if value in options]
    return st.multiselect(
        label,
        list(options),
        format_func=lambda value: options.get(value, value),
        key=key,
        placeholder="All",
        disabled=not applies,
        help=None if applies else "This filter does not apply to this page.",
    )


def _named(places: pd.DataFrame, kind: str) -> dict[str, str]:
    known = places[[f"{kind}_id", f"{kind}_name"]].dropna(subset=[f"{kind}_id"]).drop_duplicates(f"{kind}_id")
    pairs = zip(known[f"{kind}_id"], known[f"{kind}_name"].fillna(known[f"{kind}_id"]), strict=True)
    return dict(sorted(pairs, key=lambda pair: pair[1].lower()))


def _people(people: pd.DataFrame) -> dict[str, str]:
    found = {}
    for user, label, email in people[["user_id", "user_label", "user_email"]].itertuples(index=False):
        found[user] = f"{label} · {email}" if isinstance(email, str) and email != label else label
    return dict(sorted(found.items(), key=lambda pair: pair[1].lower()))


def _clear() -> None:
    for key in ("period", "days", "workspace", "model", "user"):
        st.session_state.pop(key, None)
