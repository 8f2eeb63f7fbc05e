"""The order of the parts of a load: dlt takes turns between them, and some wait for others."""

from collections.abc import Iterator

# A part that belongs to the same load has begun after so many turns.
TURNS_TO_BEGIN = 3


class Parts:
    """Which parts of the source have begun and finished, over the loads of one run."""

    def __init__(self) -> None:
        self._open: set[str] = set()

    def begin(self, part: str) -> None:
        """Note that a part reads."""
        self._open.add(part)

    def finish(self, part: str) -> None:
        """Note that a part is done."""
        self._open.discard(part)

    def wait_for_others(self, part: str) -> Iterator[None]:
        """Yield None, so that dlt takes its turns, until no other part is open."""
        for _ in range(TURNS_TO_BEGIN):
            yield None
        while self._open - {part}:
            yield None
