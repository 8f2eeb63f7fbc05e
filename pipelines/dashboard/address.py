"""Choices that are part of the page's address, so that reload, Back and a shared link show the same.

Streamlit would write the texts of a list of choices into the address: names and e-mail addresses, which end up in the
logs of proxies, and which change. So a hidden list holds the ids, and the list that people see follows it.
"""

from collections.abc import Sequence

import streamlit as st

# The address is text of a stranger: a longer one is no choice of a person.
MOST_VALUES, LONGEST_VALUE = 200, 300
# Hidden by the style of app.py.
CONTAINER = "address"


def ids_in_address(name: str) -> list[str]:
    """Return the values of a parameter of the address, which need not exist."""
    with st.container(key=f"{CONTAINER}_{name}"):
        values = st.multiselect(
            name,
            [],
            key=name,
            accept_new_options=True,
            bind="query-params",
            label_visibility="collapsed",
            max_selections=MOST_VALUES,
        )
    return [value for value in values if len(value) <= LONGEST_VALUE]


def choose_ids(label: str, name: str, options: dict[str, str], chosen: Sequence[str], applies: bool) -> list[str]:
    """Draw a list of choices for a parameter of the address; return the chosen ids.

    Args:
        options (Dict[str, str]): Ids and their labels, which must differ.
        chosen (Sequence[str]): Ids of the address; those that are no option are ignored.
    """
    shown = f"choose_{name}"
    st.session_state[shown] = [value for value in chosen if value in options]
    return st.multiselect(
        label,
        list(options),
        format_func=lambda value: options.get(value, value),
        key=shown,
        placeholder="All",
        disabled=not applies,
        help=None if applies else "This filter does not apply to this page.",
        filter_mode="contains",
        select_all=False,
        on_change=_write,
        args=(name, shown),
    )


def _write(name: str, shown: str) -> None:
    st.session_state[name] = list(st.session_state[shown])
