"""Who holds the lease, decided from the rows of its table alone. Nothing here reads a clock or a database.

A run inserts a claim, reads all claims, and holds the lease if no other claim was alive when its own was made. Of two
runs, each reads after it has inserted, so at least one of them sees the other: never do both hold the lease. Both may
see each other. Then the older claim waits, and the younger one is withdrawn.

All moments are the destination's. Whether one claim had expired before another was made is decided by comparing rows,
so every run that reads them comes to the same result, however long it took to insert or to read.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta
from enum import Enum
from typing import NamedTuple


class Owner(NamedTuple):
    """A run: the random id of its claim, its machine and its process there."""

    claim_id: str
    host: str
    pid: int


class Row(NamedTuple):
    """A row of the table: a claim, or one of its renewals, which have numbers from 1."""

    claim_id: str
    renewal: int
    claimed_at: datetime
    lease_seconds: int
    host: str
    pid: int


class Claim(NamedTuple):
    """All rows of one run: when it claimed the lease, and when its last renewal expires."""

    claim_id: str
    since: datetime
    until: datetime
    host: str
    pid: int


class Verdict(Enum):
    """What the rows mean for the run that reads them."""

    HELD = "held"
    # Another claim is alive, but younger: it will be withdrawn, unless it was read as the only one.
    WAIT = "wait"
    # Another run holds the lease, or takes it.
    REFUSED = "refused"


def claims_of(rows: Iterable[Row]) -> list[Claim]:
    """Return the claims that the rows form, oldest first. A statement that was sent twice counts once."""
    by_id: dict[str, list[Row]] = {}
    for row in rows:
        by_id.setdefault(row.claim_id, []).append(row)
    claims = [
        Claim(
            claim_id,
            min(row.claimed_at for row in group),
            max(row.claimed_at + timedelta(seconds=row.lease_seconds) for row in group),
            group[0].host,
            group[0].pid,
        )
        for claim_id, group in by_id.items()
    ]
    return sorted(claims, key=lambda claim: (claim.since, claim.claim_id))


def expired(claims: list[Claim], claim_id: str) -> list[Claim]:
    """Return the claims that had expired when this one was made."""
    since = next(claim.since for claim in claims if claim.claim_id == claim_id)
    return [claim for claim in claims if claim.until < since]


def verdict(claims: list[Claim], claim_id: str) -> tuple[Verdict, Claim | None]:
    """Decide on a claim that was inserted before the rows were read; also return the claim that is in the way."""
    dead = expired(claims, claim_id)
    alive = [claim for claim in claims if claim not in dead]
    others = [claim for claim in alive if claim.claim_id != claim_id]
    if not others:
        return Verdict.HELD, None
    return Verdict.WAIT if alive[0].claim_id == claim_id else Verdict.REFUSED, others[0]


def is_kept(rows: Iterable[Row], claim_id: str, confirmed: int) -> bool:
    """Whether a run still holds the lease after it has inserted a renewal.

    A run that took over found this claim expired, so it claimed the lease after that moment. When it ended, it deleted
    the rows of this claim. Other claims were made while this one was alive: they are refused.

    Args:
        confirmed (int): The last renewal that was found valid, 0 for the claim itself.
    """
    rows = list(rows)
    valid = [row for row in rows if row.claim_id == claim_id and row.renewal <= confirmed]
    if not any(row.renewal == confirmed for row in valid):
        return False
    (mine,) = claims_of(valid)
    return not any(claim.claim_id != claim_id and claim.since > mine.until for claim in claims_of(rows))


def holder(claims: list[Claim], now: datetime) -> Claim | None:
    """Return the claim that holds the lease at a moment of the destination's clock."""
    return next((claim for claim in claims if claim.until >= now), None)
