"""The progress of an enrichment: which table is being written, and how many there are."""

from collections.abc import Callable
from itertools import count

# Is told the number of tables begun before, the number of all, and the name of the table that begins.
OnTable = Callable[[int, int, str], None]


def counted(due: int, tell: OnTable) -> Callable[[str], None]:
    """Return the function to call with each table that begins, from any thread."""
    before = count()
    return lambda table: tell(next(before), due, table)


def say_nothing(begun: int, due: int, table: str) -> None:
    """Ignore the progress."""
