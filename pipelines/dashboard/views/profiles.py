"""Pages for one person and for one model, which the filters or the address choose: `?user=ID`, `?model=ID`."""

from typing import Any
from urllib.parse import quote

import pandas as pd
import streamlit as st

from pipelines.common.text import printable
from pipelines.dashboard import charts
from pipelines.dashboard.queries import access, changes, findings, profiles, sign_ins

from ..acknowledgements import with_state
from ..cached import ask
from ..data_access import NothingLoaded
from ..filters import ACTOR_OR_TARGET, Filters
from ..panels import Panel, details, numbers, page_title, row
from ..queries.shapes import Query
from ..tenants import address_part
from .shared import busiest_models, most_active_users, most_visited_pages

NO_HISTORY = (
    "No model history is loaded for this model and period. `python -m pipelines.audit model-history` loads it, if the"
    " setting `model_history` is on and the model has an export of its history."
)
NO_ACTIONS = (
    "No actions are known. They are read after the events, for models that the account may open:"
    " `python -m pipelines.audit status` shows which it may not."
)


def show_person(filters: Filters) -> None:
    """Draw the page `person`."""
    page_title("Person", "What one person did, from where, with which access, and what was found about it.")
    if len(filters.users) != 1:
        st.info("Choose one user in the filters, or follow the link of a row.", icon=":material/person_search:")
        details("People", profiles.listed_people(filters), "Those seen last come first.")
        return
    known = _first(profiles.person(filters))
    _name(known, "user_label", "user_email")
    numbers(
        {
            "Events": (_count(known, "event_count"), "In the whole log, up to its newest event."),
            "Sign-ins": (_count(known, "sign_in_count"), "Successful ones, in the whole log."),
            "Failed sign-ins": (_count(known, "failed_sign_in_count"), "In the whole log."),
            "Days idle": (_count(known, "idle_days"), "Days from the last activity to the newest event of the log."),
            "Active days": (_count(known, "active_days_30"), "Of the last 30 days of the log."),
        }
    )
    _search_link(f"user={quote(filters.users[0], safe='')}")
    details("What is known", profiles.person(filters), "From the directory and the log, whatever the period.")
    row(busiest_models(filters), most_visited_pages(filters))
    details("Addresses and clients of sign-ins", profiles.addresses(filters))
    details("Sign-ins", sign_ins.sign_in_events(filters, ["success", "failure"]))
    details(
        "Roles held and how they came",
        access.role_assignments(filters),
        "As the log shows it, up to its end. Roles given before the log and never taken are in no event.",
    )
    details("Findings", with_state(ask(findings.findings(filters))), "Highest severity first.")
    details(
        "Newest events", profiles.events(filters, ACTOR_OR_TARGET), "The person is who did it or on whom it was done."
    )


def show_model(filters: Filters) -> None:
    """Draw the page `model`."""
    page_title("Model", "Who used one model, what was run and changed, its actions, and its names and states.")
    if len(filters.models) != 1:
        st.info("Choose one model in the filters, or follow the link of a row.", icon=":material/search:")
        details("Models", profiles.listed_models(filters), "Those used last come first.")
        return
    known = _first(profiles.model(filters))
    _name(known, "model_label", "workspace_name")
    numbers(
        {
            "Events": (_count(known, "event_count"), "In the whole log, up to its newest event."),
            "Changes": (_count(known, "change_count"), "In the whole log."),
            "Users": (_count(known, "user_count"), "In the whole log."),
            "Days idle": (_count(known, "idle_days"), "Days from the last use to the newest event of the log."),
            "State": (printable(str(known.get("active_state") or "?")), "As the directory lists it."),
        }
    )
    _search_link(f"model={quote(filters.models[0], safe='')}")
    row(most_active_users(filters), _what_was_run(filters))
    details("Newest changes", changes.change_events(filters))
    _details_or_reason("Changes inside the model", profiles.history(filters), NO_HISTORY)
    _details_or_reason("Actions, imports, exports and processes", profiles.actions(filters), NO_ACTIONS)
    details("History of its name and state", profiles.versions(filters), "The newest version first.")
    details("What is known", profiles.model(filters), "From the directory and the log, whatever the period.")
    details("Newest events", profiles.events(filters, ("user_id",)))


def _what_was_run(filters: Filters) -> Panel:
    return Panel(
        "What is run most",
        changes.what_was_run(filters),
        lambda rows: charts.top_bars(rows.assign(what=rows["run_name"].fillna(rows["kind"])), "what", "runs"),
    )


def _details_or_reason(title: str, query: Query, reason: str) -> None:
    """Draw a table, or why it has no rows."""
    try:
        is_empty = ask(query).empty
    except NothingLoaded:
        is_empty = True
    if not is_empty:
        details(title, query)
        return
    with st.container(border=True):
        st.subheader(title, anchor=False)
        st.info(reason, icon=":material/help:")


def _first(query: Query) -> dict[str, Any]:
    rows = ask(query)
    return {} if rows.empty else dict(rows.iloc[0])


def _count(known: dict[str, Any], name: str) -> int | str:
    value = known.get(name)
    return "?" if value is None or pd.isna(value) else int(value)


def _name(known: dict[str, Any], *columns: str) -> None:
    # As text: a name of the tenant must not become markup.
    names = dict.fromkeys(printable(known[name]) for name in columns if isinstance(known.get(name), str))
    st.text(" · ".join(names) or "Not known: neither in the directory nor in the log.")


def _search_link(query: str) -> None:
    st.link_button("All events in the search", f"events?{address_part()}{query}", icon=":material/search:")
