"""Keep spreadsheets from running text as a formula. Exports and dashboard downloads share this rule."""

import re

# Formula signs, ASCII and full width, also after whitespace and characters that hide a formula from a reader.
FORMULA = "^[\\s\u00a0\u200b\u2007\u202f\u3000\ufeff]*[=+\\-@\uff1d\uff0b\uff0d\uff20]|^[\t\r\n]"
_FORMULA = re.compile(FORMULA)


def harmless(text: str) -> str:
    """Return the text, with an apostrophe in front if a spreadsheet may read it as a formula."""
    return f"'{text}" if _FORMULA.match(text) else text
