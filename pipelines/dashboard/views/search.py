"""Page: all events, searched by free text, a page at a time, with downloads of the whole result."""

from collections import Counter

import streamlit as st

from pipelines.dashboard.queries import search

from ..address import choose_ids, ids_in_address
from ..cached import ask
from ..filters import Filters
from ..paging import ROWS, choose_page, first_page, shown_of
from ..panels import HEADINGS, page_title, table
from ..queries.search import FAILED, SUCCEEDED, Wanted
from ..whole_results import offer

USUAL = (
    "occurred_at", "event_message", "success", "user_label", "target_user_label", "object_name", "workspace_name",
    "model_name", "ip_address", "client", "message",
)  # fmt: skip
BOTH = "any"


def show(filters: Filters) -> None:
    """Draw the page `events`."""
    page_title(
        "Events",
        "Every event of the log. Words may be anywhere in names, texts, codes, addresses and categories; ids are found "
        'whole. All words must be found; "two words" in quotation marks belong together.',
    )
    finding, event_ids = _finding()
    wanted = _choose(event_ids)
    shown = _columns()
    found = int(ask(search.count(filters, wanted))["events"].iloc[0])
    if not found:
        st.info("No event is found. Search for fewer words, or choose a longer period.", icon=":material/search_off:")
        return
    number = choose_page(found)
    rows = ask(search.page(filters, wanted, shown, ROWS, number))
    st.caption(shown_of("Events", number, len(rows), found))
    table(rows, "Events of this page")
    about = _about(filters, wanted, finding)
    name = " ".join(["events", about["First day (UTC)"], about["Last day (UTC)"], wanted.text])
    offer(search.everything(filters, wanted, shown), found, about, name)


def _choose(event_ids: tuple[int, ...] | None) -> Wanted:
    text = st.text_input(
        "Search",
        key="text",
        bind="query-params",
        max_chars=300,
        placeholder="For example: import failed, or a name, an address, a code",
        icon=":material/search:",
        on_change=first_page,
    )
    left, right = st.columns(2)
    with left:
        known = ask(search.categories())["event_category"].tolist()
        categories = st.multiselect(
            "Category", known, key="category", bind="query-params", placeholder="All", on_change=first_page
        )
    with right:
        outcome = st.selectbox(
            "Outcome", [BOTH, SUCCEEDED, FAILED], key="outcome", bind="query-params", on_change=first_page
        )
    return Wanted(str(text or ""), outcome, tuple(categories), event_ids)


def _columns() -> list[str]:
    """Return the chosen columns, the time first and ids last."""
    known = [name for name in ask(search.columns()).columns if not name.startswith("_dlt")]
    wanted = ids_in_address("columns") or list(USUAL)
    with st.expander("Columns"):
        chosen = choose_ids("Shown columns", "columns", _labels(known), wanted, applies=True)
    names = dict.fromkeys(["occurred_at", *chosen])
    return sorted(names, key=lambda name: name.endswith("_id"))


def _labels(names: list[str]) -> dict[str, str]:
    """Return the headings of columns, which must differ: the name of the column where two have the same."""
    headings = {name: HEADINGS.get(name, name.replace("_", " ")) for name in names}
    times = Counter(headings.values())
    return {name: text if times[text] == 1 else name.replace("_", " ") for name, text in headings.items()}


def _finding() -> tuple[str, tuple[int, ...] | None]:
    """Return the finding of the address and the ids of its events; None without a finding."""
    chosen = ids_in_address("finding_id")
    found = ask(search.finding(chosen[0])) if chosen else None
    if found is None:
        return "", None
    if found.empty:
        # All events instead would look like its evidence.
        st.warning("The finding of this address is no longer in the log. No event is shown for it.")
        st.button("Search all events", on_click=_forget_finding)
        return chosen[0], ()
    st.info("Only the events behind this finding, of any period and filter:", icon=":material/shield:")
    st.text(found["finding"].iloc[0])
    st.button("Search all events", on_click=_forget_finding)
    ids = str(found["evidence_event_ids"].iloc[0] or "").split(",")
    return str(found["finding"].iloc[0]), tuple(int(value) for value in ids if value.isdigit())


def _forget_finding() -> None:
    st.session_state["finding_id"] = []
    first_page()


def _about(filters: Filters, wanted: Wanted, finding: str) -> dict[str, str]:
    """Return the period and the filters in words."""
    return {
        "First day (UTC)": "any" if finding else filters.first.isoformat(),
        "Last day (UTC)": "any" if finding else filters.last.isoformat(),
        "Search": wanted.text or "everything",
        "Outcome": wanted.outcome or BOTH,
        "Categories": ", ".join(wanted.categories) or "all",
        "Users": ", ".join(filters.users) or "all",
        "Workspaces": ", ".join(filters.workspaces) or "all",
        "Models": ", ".join(filters.models) or "all",
        "Finding": finding or "none",
        "Times": "UTC",
    }
