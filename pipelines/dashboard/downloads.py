"""CSV for spreadsheets: a text that looks like a formula or a long number gets a leading apostrophe."""

import pandas as pd

from pipelines.common.spreadsheet import harmless

KEPT_DIGITS = 15


def to_csv(frame: pd.DataFrame) -> bytes:
    """Return the rows as UTF-8 with a byte order mark, from which spreadsheets detect the encoding."""
    safe = frame.copy()
    for name in safe.columns:
        if safe[name].dtype == object or pd.api.types.is_string_dtype(safe[name]):
            safe[name] = [_harmless(value) for value in safe[name]]
        elif pd.api.types.is_datetime64_any_dtype(safe[name]):
            safe[name] = [_moment(value) for value in safe[name]]
    return str(safe.to_csv(index=False, lineterminator="\r\n")).encode("utf-8-sig")


def _harmless(value: object) -> object:
    if not isinstance(value, str):
        return value
    # A spreadsheet keeps 15 digits of a number, even if it is quoted.
    if len(value) > KEPT_DIGITS and value.isascii() and value.isdigit():
        return f"'{value}"
    return harmless(value.replace("\x00", "\ufffd"))


def _moment(value: pd.Timestamp) -> str:
    if pd.isna(value):
        return ""
    return str(value.date().isoformat() if value.tzinfo is None else value.isoformat())
