"""Singular and plural."""


def counted(number: int, noun: str) -> str:
    """Return `1 window` or `2 windows`."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
