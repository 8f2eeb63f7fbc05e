"""The filters beside the pages. They are part of the address; filters that do not apply to a page are disabled."""

from collections import Counter
from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any

import pandas as pd
import streamlit as st

from .address import choose_ids, ids_in_address
from .cached import ask
from .filters import Filters
from .people import MOST, names
from .queries import log
from .zones import UTC, choose_zone

PERIODS = {"Last 7 days": 7, "Last 30 days": 30, "Last 90 days": 90, "Last year": 365, "Whole log": None}
USUAL_PERIOD = "Last 30 days"
CUSTOM = "Custom"


def choose_filters(first: date, last: date, applies: Sequence[str]) -> Filters:
    """Draw the filters and return those that apply; periods end at the newest day of the log."""
    with st.sidebar:
        st.subheader("Filters", anchor=False)
        begin, end = _period(first, last)
        place, user = "place" in applies, "user" in applies
        places = ask(log.places())
        workspaces = _many("Workspace", _named(places, "workspace"), place)
        inside = places[places["workspace_id"].isin(workspaces)] if workspaces else places
        models = _many("Model", _named(inside, "model"), place)
        users = _users(user)
        choose_zone()
        st.button("Clear filters", icon=":material/filter_alt_off:", width="stretch", on_click=_clear)
    chosen = {"workspace": (workspaces, place), "model": (models, place), "user": (users, user)}
    return Filters(
        begin,
        end,
        tuple(workspaces if place else ()),
        tuple(models if place else ()),
        tuple(users if user else ()),
        tuple(name for name, (values, does_apply) in chosen.items() if values and not does_apply),
        first,
        last,
    )


def _period(first: date, last: date) -> tuple[date, date]:
    chosen = st.selectbox(
        "Period",
        [*PERIODS, CUSTOM],
        index=list(PERIODS).index(USUAL_PERIOD),
        key="period",
        bind="query-params",
        filter_mode=None,
        on_change=_begin_custom,
        args=(first, last),
    )
    begin, end = _custom(first, last) if chosen == CUSTOM else _until(last, PERIODS[chosen] or (last - first).days + 1)
    days = (end - begin).days + 1
    newest = ", the newest day of the log" if end == last else ""
    st.caption(f"{begin:%-d %b %Y} to {end:%-d %b %Y}{newest}: {days:,} {'day' if days == 1 else 'days'} (UTC).")
    return begin, end


def _until(last: date, length: int) -> tuple[date, date]:
    return last - timedelta(days=length - 1), last


def _custom(first: date, last: date) -> tuple[date, date]:
    # Without a default, because Streamlit leaves a default out of the address, and this one moves with the log.
    nothing: Any = []
    picked = st.date_input("Days (UTC)", nothing, min_value=first, max_value=last, key="days", bind="query-params")
    return (picked[0], picked[-1]) if picked else (first, last)


def _begin_custom(first: date, last: date) -> None:
    if st.session_state["period"] == CUSTOM and not st.session_state.get("days"):
        st.session_state["days"] = (max(first, last - timedelta(days=29)), last)


def _many(label: str, options: dict[str, str], applies: bool) -> list[str]:
    name = label.lower()
    wanted = ids_in_address(name)
    chosen = choose_ids(label, name, options, wanted, applies)
    _say_unknown(name, len(wanted) - len(chosen))
    return chosen


def _users(applies: bool) -> list[str]:
    wanted, people = ids_in_address("user"), names()
    missing = sorted(set(wanted) - set(people["user_id"]))
    # The list ends after the most active users, but a link may name any other.
    listed = pd.concat([people, ask(log.people_with(missing))]) if missing else people
    chosen = choose_ids("User", "user", _people(listed), wanted, applies)
    _say_unknown("user", len(wanted) - len(chosen))
    if len(people) >= MOST:
        st.caption(f"The {MOST:,} most active users of the log.")
    return chosen


def _say_unknown(name: str, unknown: int) -> None:
    if unknown > 0:
        st.caption(f"Ignored {unknown} {name} {'id' if unknown == 1 else 'ids'} of the address: none to choose here.")


def _named(places: pd.DataFrame, kind: str) -> dict[str, str]:
    known = places.dropna(subset=[f"{kind}_id"]).drop_duplicates(f"{kind}_id")
    called = known[f"{kind}_name"].fillna(known[f"{kind}_id"])
    within = known["workspace_name"].fillna("") if kind == "model" else [""] * len(known)
    return _distinct(list(zip(known[f"{kind}_id"], called, within, strict=True)))


def _people(people: pd.DataFrame) -> dict[str, str]:
    found = []
    for user, label, email in people[["user_id", "user_label", "user_email"]].itertuples(index=False):
        found.append((user, f"{label} · {email}" if isinstance(email, str) and email != label else label, ""))
    return _distinct(found)


def _distinct(things: list[tuple[str, str, str]]) -> dict[str, str]:
    """Return labels by id, sorted; equal names are followed by their place, and by their id if that is equal too.

    Streamlit can choose only the first of equal labels.
    """
    names = Counter(name for _, name, _ in things)
    placed = {key: f"{name} · {place}" if place and names[name] > 1 else name for key, name, place in things}
    times = Counter(placed.values())
    labels = {key: label if times[label] == 1 else f"{label} · {key}" for key, label in placed.items()}
    return dict(sorted(labels.items(), key=lambda pair: pair[1].lower()))


def _clear() -> None:
    st.session_state["period"], st.session_state["zone"] = USUAL_PERIOD, UTC
    for name in ("workspace", "model", "user"):
        st.session_state[name] = []
