"""Singular and plural, and counts in words."""

from collections.abc import Mapping


def counted(number: int, noun: str) -> str:
    """Return `1 window` or `2 windows`."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def contents_line(statuses: Mapping[str, int], models: int) -> str:
    """Return `120 of 3,800 models read, 12 forbidden, 3,668 waiting`: those were never requested."""
    others = [f"{count:,} {status}" for status, count in sorted(statuses.items()) if status != "read" and count]
    waiting = models - sum(statuses.values())
    others += [f"{waiting:,} waiting"] if waiting else []
    return ", ".join([f"{statuses.get('read', 0):,} of {counted(models, 'model')} read", *others])
