"""Long results, a page at a time. The number of the page is part of the address."""

import streamlit as st

ROWS = 50
KEY = "page"


def choose_page(found: int) -> int:
    """Draw the choice of a page of `ROWS` rows; return its number, from 1 on."""
    pages = -(-found // ROWS)
    if int(st.session_state.get(KEY) or 1) > pages:
        first_page()
    return int(st.number_input(f"Page, of {pages:,}", 1, pages, key=KEY, bind="query-params", width=180) or 1)


def shown_of(what: str, number: int, rows: int, found: int) -> str:
    """Return which rows a page shows."""
    return f"{what} {ROWS * (number - 1) + 1:,} to {ROWS * (number - 1) + rows:,} of {found:,}, newest first."


def first_page() -> None:
    """Go back to the first page, because another result is chosen."""
    st.session_state[KEY] = 1
