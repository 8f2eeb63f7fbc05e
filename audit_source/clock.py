"""Whose clock counts: Anaplan's, wherever an answer has shown it.

A machine whose clock is ahead would ask for windows that are not over and count them as complete; one that is behind
would load nothing new. So Anaplan's clock is asked before anything is planned or recorded.
"""

import time
from datetime import datetime, timezone

from dlt.common.storages.load_package import commit_load_package_state, load_package_state

from .client import Client, SignedClient, describe_clock
from .errors import ConfigurationError
from .events.windows import CLOCK_SLACK_MS
from .extract_report import Run
from .known import Known
from .settings import Hosts

_NOTE = "this machine's clock is"


def learn_server_clock(signed: SignedClient, hosts: Hosts, known: Known, run: Run) -> None:
    """Sign in, and ask for Anaplan's clock where that has not shown it; note it where this machine's clock is wrong.

    An answer without a date leaves this machine's clock, as long as nothing speaks against it.

    Raises:
        ConfigurationError: Anaplan shows no clock, and this machine's is behind what it has written itself.
        AuditSourceError: Anaplan does not answer, or refuses.
    """
    signed.auth.token()
    client = signed.client
    if not client.knows_server_clock:
        # Nothing was sent for a ready token. Any answer carries a date; this one is small.
        signed.get(f"{hosts.audit}/audit/api/1/events", {"type": "all", "limit": 1, "offset": 0})
    if not client.knows_server_clock:
        _check_own_clock(known)
        run.notice("Anaplan's answers carry no date: the run goes by this machine's clock.")
    note = clock_note(client)
    if note and not any(known_note.startswith(_NOTE) for known_note in run.notices):
        run.notices.append(note)


def clock_note(client: Client) -> str | None:
    """Return by how much this machine's clock is wrong; None where it is right, or Anaplan has shown none."""
    offset = client.clock_offset_seconds
    if not client.knows_server_clock or abs(offset) * 1000 <= CLOCK_SLACK_MS:
        return None
    return f"{_NOTE} {describe_clock(offset)}: a run goes by Anaplan's. Set the clock."


def begin_versions_at(moment: int) -> None:
    """Let the versions of this load begin at a moment (epoch ms), not at this machine's idea of now.

    dlt takes the creation of the load package for the boundary of SCD2. In front of a boundary that is there already,
    old versions would be retired before they began.
    """
    state = load_package_state()["state"]
    wanted = datetime.fromtimestamp(moment / 1000, timezone.utc)
    created = state["created_at"]
    # A boundary a little later than wanted does no harm; an earlier one may precede what is there.
    if not 0 <= created.timestamp() - wanted.timestamp() <= 2:
        state["created_at"] = type(created).fromtimestamp(wanted.timestamp(), timezone.utc)
        commit_load_package_state()


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
