"""Make untrusted text safe for a terminal or a message."""

import unicodedata


def printable(text: str) -> str:
    """Return the text as one safe line: anyone can choose a name, and control characters can rewrite a terminal."""
    shown = (character if unicodedata.category(character)[0] not in "CZ" else " " for character in text[:1000])
    return " ".join("".join(shown).split()) or "-"
