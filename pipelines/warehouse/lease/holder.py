"""One run's lease: taken before anything is staged, renewed while the run lasts, released at its end."""

import logging
import os
import random
import re
import socket
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import timezone
from typing import TypeVar

from dlt.common.destination.exceptions import DestinationException
from dlt.common.exceptions import TerminalException
from dlt.destinations.exceptions import (
    DatabaseTransientException,
    DatabaseUndefinedRelation,
    DestinationConnectionError,
)

from pipelines.common.exit_codes import FAILED, LEASE_LOST, LOCKED, PipelineError
from pipelines.common.signals import LEASE_LOST_LINE, Interrupted, end_main_thread

from . import clock
from .rules import Claim, Owner, Row, Verdict, claims_of, expired, is_kept, verdict
from .table import LEASES, LeaseTable

T = TypeVar("T")
logger = logging.getLogger(__name__)

# A renewal begins when this part of the lease has passed. A shorter run sends none.
RENEW_AFTER = 0.5
# From then on nothing is written before a renewal. The rest is for statements that are on their way.
DISTRUST_AFTER = 0.8
# How often a statement is sent that fails: the table may be missing, or another run may write at the same time.
TRIES = 4
# How long the older of two simultaneous claims waits until the younger one is withdrawn, in seconds.
PAUSES = (0.5, 1.0, 2.0)


class LeaseLostError(TerminalException, PipelineError):
    """Another run has taken the lease. dlt does not repeat a job that ends by it."""

    def __init__(self) -> None:
        PipelineError.__init__(self, LEASE_LOST, LEASE_LOST_LINE)


class Lease:
    """The lease of one run. `check` and `renew` may be called from any thread.

    Args:
        table (LeaseTable): Sends the statements.
        seconds (int): How long a claim or a renewal is valid.
        settling (float): Seconds after which every session sees a committed row.
        pause (Callable): Waits for some seconds.
    """

    def __init__(
        self, table: LeaseTable, seconds: int, settling: float = 0.0, pause: Callable[[float], None] = time.sleep
    ) -> None:
        host = re.sub(r"[^\w.-]", "_", socket.gethostname())[:200]
        self.owner = Owner(uuid.uuid4().hex, host, os.getpid())
        self._table, self._seconds, self._settling, self._pause = table, seconds, settling, pause
        self._began = clock.reading()
        self._confirmed = 0
        self._superseded: list[str] = []
        self._may_have_rows = self._is_lost = False
        self._lock = threading.RLock()

    @property
    def age(self) -> float:
        """Seconds since the last valid claim or renewal was begun."""
        return clock.passed(self._began)

    def acquire(self) -> None:
        """Claim the lease.

        Raises:
            PipelineError: Another run holds it.
        """
        claims = claims_of(self._claim())
        decision, other = verdict(claims, self.owner.claim_id)
        for seconds in PAUSES:
            if decision is Verdict.WAIT:
                self._pause(seconds)
                claims = claims_of(self._table.rows())
                decision, other = verdict(claims, self.owner.claim_id)
        if other is not None:
            raise PipelineError(LOCKED, refusal(other, self._table.dataset_name))
        self._superseded = [claim.claim_id for claim in expired(claims, self.owner.claim_id)]

    def check(self) -> None:
        """Make sure that the lease is valid: by the clock alone, except after a long sleep.

        Raises:
            Interrupted: Another run has taken the lease.
        """
        with self._lock:
            if not self._is_lost and self.age > DISTRUST_AFTER * self._seconds:
                self.renew()
        if self._is_lost:
            # dlt waits for a thread that ends by an interruption, unless the main thread ends too.
            raise Interrupted(LEASE_LOST) if end_main_thread(LEASE_LOST) else LeaseLostError()

    def renew(self) -> None:
        """Extend the lease, or find out that it is lost."""
        with self._lock:
            began = clock.reading()
            rows = self._add(self._confirmed + 1)
            if is_kept(rows, self.owner.claim_id, self._confirmed):
                self._began = began
                self._confirmed += 1
            else:
                self._is_lost = True

    def release(self) -> None:
        """Delete the rows of this claim and those of the expired ones that it replaced. A failure is a warning."""
        if not self._may_have_rows:
            return
        claim_ids = [self.owner.claim_id, *([] if self._is_lost else self._superseded)]
        try:
            # Without a table there is no lease.
            with suppress(DatabaseUndefinedRelation):
                self._repeated(lambda: self._table.delete(claim_ids))
        except DestinationException as error:
            reason = str(error).partition("\n")[0][:200]
            text = "The lease in `%s` was not released. It expires in %s seconds at most: %s"
            logger.warning(text, LEASES, self._seconds, reason)

    @contextmanager
    def renewed(self) -> Iterator[None]:
        """Renew the lease in a thread when that is due."""
        over = threading.Event()
        thread = threading.Thread(target=self._keep, args=(over,), name="lease", daemon=True)
        thread.start()
        try:
            yield
        finally:
            over.set()
            # A renewal after the release would keep the next run away.
            thread.join()

    def _keep(self, over: threading.Event) -> None:
        due = RENEW_AFTER * self._seconds
        while not over.wait(max(due - self.age, due / 20)):
            # What keeps failing is raised by `check`.
            with suppress(DestinationException):
                if self.age >= due:
                    self.renew()
            if self._is_lost:
                end_main_thread(LEASE_LOST)
                return

    def _claim(self) -> list[Row]:
        for left in reversed(range(TRIES)):
            self._began = clock.reading()
            # Already now: an interruption may come after the row was written.
            self._may_have_rows = True
            try:
                rows = self._add(0)
            except DestinationException as error:
                self._may_have_rows = False
                if not left or isinstance(error, DestinationConnectionError | DatabaseTransientException):
                    raise
                # Usually the table is missing. Another run may create it at the same time.
                try:
                    self._table.create()
                except DestinationException:
                    self._pause(PAUSES[0])
            else:
                if any(row.claim_id == self.owner.claim_id for row in rows):
                    return rows
                self._pause(PAUSES[0])
        raise PipelineError(FAILED, f"destination: a row that was written to `{LEASES}` cannot be read. Run again.")

    def _add(self, renewal: int) -> list[Row]:
        def settle() -> None:
            if self._settling:
                self._pause(self._settling)

        return self._repeated(lambda: self._table.add(self.owner, renewal, self._seconds, settle))

    def _repeated(self, call: Callable[[], T]) -> T:
        """Call again after a conflict: on DuckLake, an insert fails if another run has deleted rows meanwhile."""
        for _ in range(TRIES - 1):
            with suppress(DatabaseTransientException):
                return call()
            # Two runs must not meet again and again.
            self._pause(random.uniform(0.5, 1.5) * PAUSES[0])
        return call()


def refusal(other: Claim, dataset: str) -> str:
    """Return the line of a run that another one keeps from writing a dataset."""
    return (
        f"another run, process {other.pid} on machine `{other.host}`, writes dataset `{dataset}`. Wait for it to end. "
        f"If it was killed, the next run can begin after {other.until.astimezone(timezone.utc):%Y-%m-%d %H:%M:%S} UTC."
    )
