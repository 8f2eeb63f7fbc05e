"""Anaplan's clock. It decides what is due, as soon as an answer has shown it.

A machine whose clock is ahead would request windows that have not ended, and record them as complete. A machine whose
clock is behind would load nothing new. So Anaplan's clock is read before anything is planned or recorded.
"""

import time
from datetime import datetime, timezone

from .client import Client
from .errors import ConfigurationError
from .events.windows import CLOCK_SLACK_MS
from .extract_report import Run
from .known import Known
from .settings import Hosts
from .signed_client import SignedClient

_NOTE = "this machine's clock is"


def learn_server_clock(signed: SignedClient, hosts: Hosts, known: Known, run: Run) -> None:
    """Sign in, read Anaplan's clock, and note in the run if this machine's clock is wrong.

    If Anaplan's answers carry no date, this machine's clock is used.

    Raises:
        ConfigurationError: The answers carry no date, and this machine's clock is behind the newest loaded data.
        AuditSourceError: Anaplan does not answer, or refuses.
    """
    signed.auth.token()
    client = signed.client
    if not client.knows_server_clock:
        # A configured token needs no request. Any answer carries a date; this one is small.
        signed.get(f"{hosts.audit}/audit/api/1/events", {"type": "all", "limit": 1, "offset": 0})
    if not client.knows_server_clock:
        _check_own_clock(known)
        run.notice("Anaplan's answers carry no date: the run goes by this machine's clock.")
    note = clock_note(client)
    if note and not any(known_note.startswith(_NOTE) for known_note in run.notices):
        run.notices.append(note)


def clock_note(client: Client) -> str | None:
    """Return by how much this machine's clock is wrong. None if it is right, or Anaplan's is unknown."""
    offset = client.clock_offset_seconds
    if not client.knows_server_clock or abs(offset) * 1000 <= CLOCK_SLACK_MS:
        return None
    return f"{_NOTE} {describe_clock(offset)}: a run goes by Anaplan's. Set the clock."


def describe_clock(behind_seconds: float) -> str:
    """Return how wrong this machine's clock is, in words: `3.0 hours ahead of Anaplan's`."""
    seconds = abs(behind_seconds)
    amount = next(
        (f"{seconds / size:.1f} {unit}" for size, unit in ((86_400, "days"), (3600, "hours")) if seconds >= 1.5 * size),
        f"{seconds / 60:.1f} minutes",
    )
    return f"{amount} {'behind' if behind_seconds > 0 else 'ahead of'} Anaplan's"


def _check_own_clock(known: Known) -> None:
    now = time.time() * 1000
    if known.newest_stamp > now + CLOCK_SLACK_MS:
        newest = datetime.fromtimestamp(known.newest_stamp / 1000, timezone.utc)
        raise ConfigurationError(
            "clock of this machine",
            f"it says {datetime.now(timezone.utc):%Y-%m-%d %H:%M} UTC, but a load wrote at {newest:%Y-%m-%d %H:%M}, "
            "and Anaplan's answers carry no date",
            "Set the clock, then run again. Nothing was recorded.",
        )
