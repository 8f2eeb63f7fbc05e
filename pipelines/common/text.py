"""Texts of strangers, made harmless for a terminal or a message."""

import unicodedata


def printable(text: str) -> str:
    """One harmless line: names come from anyone, and a control character can rewrite a terminal."""
    shown = (character if unicodedata.category(character)[0] not in "CZ" else " " for character in text[:1000])
    return " ".join("".join(shown).split()) or "-"
