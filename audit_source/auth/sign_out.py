"""Ends the Anaplan session while the destination is still being written."""

import threading
from collections.abc import Callable, Collection


class SignOutWhenDone:
    """Signs out as soon as every part of the source has sent its last request.

    Args:
        sign_out (Callable): Ends the session.
        parts (Collection[str]): Names of the parts that send requests.
    """

    def __init__(self, sign_out: Callable[[], None], parts: Collection[str]) -> None:
        self._sign_out, self._parts = sign_out, frozenset(parts)
        self._open = set(self._parts)

    def finish(self, part: str) -> None:
        """Note that a part is done. The last one starts the sign-out, in a thread: nothing has to wait for it."""
        self._open.discard(part)
        if not self._open:
            # The same source may be loaded again.
            self._open.update(self._parts)
            threading.Thread(target=self._sign_out, name="anaplan-sign-out").start()
