"""Ids of people and models in tables as links to their pages."""

from typing import Any
from urllib.parse import quote

import pandas as pd
import streamlit as st

from .tenants import address_part

# Column, page, parameter of its address.
PAGES = {
    "user_id": ("person", "user"),
    "target_user_id": ("person", "user"),
    "granted_by_user_id": ("person", "user"),
    "ended_by_user_id": ("person", "user"),
    "model_id": ("model", "model"),
}


def linked(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the rows with addresses of pages in place of the ids that have a page."""
    return frame.assign(**{name: frame[name].map(_address(*PAGES[name])) for name in PAGES if name in frame})


def link_column(name: str, heading: str) -> Any:
    """Return how such a column is drawn: the id as a link; None for every other column."""
    if name not in PAGES:
        return None
    return st.column_config.LinkColumn(heading, width="small", display_text=r"=([^=]*)$")


def _address(page: str, parameter: str) -> Any:
    start = f"{page}?{address_part()}{parameter}="

    def of(value: object) -> str | None:
        # Quoted, so that no id becomes another address.
        return f"{start}{quote(value, safe='')}" if isinstance(value, str) else None

    return of
