"""The windows of one fetch in the order in which they are loaded: begin, try again, divide, give up."""

from collections import deque
from collections.abc import Iterator

import pyarrow as pa

from ..errors import AuditSourceError, UnreachableError
from ..retry import MOST_UNANSWERED
from .spans import Span, halves
from .totals import in_random_order
from .window_fetch import LeaveOut, WindowFetch
from .windows import INCOMPLETE, Window

# Events to load, or a window that is finished, verified or left out.
Fetched = tuple[pa.Table | None, Window | None]


class WindowQueue:
    """The windows of one `fetch`: those with requested pages, oldest first, and the spans after them."""

    def __init__(self, event_type: str, spans: list[Span], leave_out: LeaveOut, checked_at: int) -> None:
        self.event_type, self.checked_at = event_type, checked_at
        self.waiting = deque(spans)
        self.started: deque[WindowFetch] = deque()
        self._leave_out = leave_out
        # Windows without an answer since the last verified one.
        self._unanswered = 0

    def begin_next(self, recent_from: int) -> WindowFetch | None:
        """Return a fetch of the next span, or None if no span is left."""
        if not self.waiting:
            return None
        span = self.waiting.popleft()
        self.started.append(WindowFetch(span, span[1] > recent_from))
        return self.started[-1]

    def finish(self, window: Window) -> Window:
        """Remove the oldest window, which is verified, and return it."""
        self.started.popleft()
        self._unanswered = 0
        return window

    def try_again(self, oldest: WindowFetch) -> None:
        """Replace the oldest window by its next attempt."""
        self.started.popleft()
        oldest.withdraw()
        self.started.appendleft(oldest.again())

    def divide(self, oldest: WindowFetch) -> None:
        """Replace the oldest window by its halves."""
        # The first of those withdrawn is `oldest` itself.
        self.waiting.extend([*halves(oldest.span), *self.withdraw_all()[1:]])

    def give_up(self, problem: AuditSourceError) -> Iterator[Fetched]:
        """Leave out the oldest window. If Anaplan does not answer, leave out all others too."""
        oldest = self.started.popleft()
        oldest.withdraw()
        self._unanswered += isinstance(problem, UnreachableError)
        self._leave_out(problem)
        yield self._left_out(oldest.span)
        if self._unanswered == MOST_UNANSWERED:
            self.waiting.extend(in_random_order(self.withdraw_all()))
        elif self._unanswered == 2 * MOST_UNANSWERED:
            for span in sorted(self.withdraw_all()):
                yield self._left_out(span)

    def withdraw_all(self) -> list[Span]:
        """Cancel every started window. Return all spans that are left, in order."""
        left = [*(one.span for one in self.started), *self.waiting]
        for one in self.started:
            one.withdraw()
        self.started.clear()
        self.waiting.clear()
        return left

    def _left_out(self, span: Span) -> Fetched:
        return None, Window(*span, INCOMPLETE, checked_at=self.checked_at)
