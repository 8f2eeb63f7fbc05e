"""Pagination shared by the audit log and the lists."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from .fault_effects import Page, change_page
from .faults import Fault

LARGEST = 2**53


class BadRequest(Exception):
    """An invalid parameter; the text becomes the `statusMessage`."""


def whole(query: Mapping[str, str], key: str) -> int | None:
    """Return an integer parameter, None if absent."""
    value = query.get(key)
    if value is None or value == "":
        return None
    try:
        number = int(value)
    except ValueError:
        number = LARGEST + 1
    if abs(number) > LARGEST:
        raise BadRequest(f"Invalid value for {key}")
    return number


def positive(query: Mapping[str, str], key: str, default: int, least: int) -> int:
    value = whole(query, key)
    if value is not None and value < least:
        raise BadRequest(f"Invalid value for {key}")
    return default if value is None else value


@dataclass(frozen=True)
class Span:
    """Rows to serve, from `start` to before `stop`, and the total to report."""

    start: int
    stop: int
    total: int


def paged(offset: int, limit: int, total: int, fault: Fault | None) -> Span:
    page = Page(offset, limit, total)
    change_page(page, fault)
    start = min(page.start, total)
    return Span(start, max(start, min(page.start + page.limit, total)), max(0, page.total))
