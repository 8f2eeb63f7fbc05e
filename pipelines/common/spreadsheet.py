"""Texts that a spreadsheet must not take for a formula: one rule for exports and for downloads of the dashboard."""

import re

# ASCII and full width, behind blanks of any kind, and what may hide a formula from a reader.
FORMULA = "^[\\s\u00a0\u200b\u2007\u202f\u3000\ufeff]*[=+\\-@\uff1d\uff0b\uff0d\uff20]|^[\t\r\n]"
_FORMULA = re.compile(FORMULA)


def harmless(text: str) -> str:
    """Return the text, with an apostrophe in front of what a spreadsheet may take for a formula."""
    return f"'{text}" if _FORMULA.match(text) else text
