"""Rows as a table shows them: names before ids, and no number that a browser or a spreadsheet would round."""

import pandas as pd

# Browsers calculate with doubles, which hold every integer up to this one.
EXACT = 2**53
LONG_TEXT = 60


def ids_last(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the rows with columns of ids after all others."""
    names = list(frame.columns)
    return frame[[*(name for name in names if not _is_id(name)), *(name for name in names if _is_id(name))]]


def exact(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the rows with numeric ids and larger integers than `EXACT` as text."""
    return frame.assign(**{name: _as_text(frame[name]) for name in frame.columns if _needs_text(name, frame[name])})


def has_long_texts(frame: pd.DataFrame) -> bool:
    """Return whether a cell has a text that its column may cut."""
    texts = (frame[name] for name in frame.columns if not pd.api.types.is_numeric_dtype(frame[name]))
    return any(isinstance(value, str) and len(value) > LONG_TEXT for values in texts for value in values)


def _needs_text(name: str, values: pd.Series) -> bool:
    if pd.api.types.is_integer_dtype(values):
        return _is_id(name) or bool((values.abs() > EXACT).any())
    return values.dtype == object and any(isinstance(value, int) and abs(value) > EXACT for value in values)


def _as_text(values: pd.Series) -> pd.Series:
    return values.map(lambda value: None if pd.isna(value) else str(value)).astype(object)


def _is_id(name: str) -> bool:
    return name.endswith(("_id", "_ids"))
