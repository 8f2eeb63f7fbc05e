"""The fault matrix: every fault, at every kind of request, at several frequencies."""

from typing import Any, NamedTuple

from sandbox.server import Sandbox
from tests.support.harsh import HARSH

STATUSES = ("429", "500", "502", "503", "504", "400", "404", "204")
BROKEN = ("reset", "timeout", "half-body", "bad-json", "html", "maintenance", "redirect", "slow", "gzip")
PAGES = ("empty-page", "duplicate-page", "shifted-page", "wrong-total")
TOKENS = ("token-dead", "token-expired", "role")
OPTIONS = {"429": "retry_after=none", "slow": "seconds=0.05"}
TIMES = ("1", "3", "~0.3", "*")


class Kind(NamedTuple):
    """A kind of request: its name in the sandbox, how many to let pass first, and whether it has pages."""

    name: str
    path: str
    skip: int = 0
    pages: bool = True
    # Whether the tenant was loaded before, so that the first requests are those of the late-event scan.
    scan: bool = False


KINDS = (
    Kind("sign-in", "/token/authenticate", pages=False),
    Kind("refresh", "/token/refresh", pages=False),
    Kind("oauth", "oauth", pages=False),
    Kind("events", "events"),
    Kind("later page", "events", skip=3),
    Kind("late scan", "events", scan=True),
    Kind("users", "users"),
    Kind("workspaces", "workspaces"),
    Kind("models", "models"),
)

# Five days of history are eight windows. Pages are small, so that windows have more than one.
TENANT: dict[str, Any] = {
    "events": 150,
    "days": 4,
    "users": 10,
    "rate_limit": 0,
    "weekend": 1.0,
    "page_cap": 10,
    **HARSH,
}
SETTINGS = {"history_days": 5, "page_size": 10}
# The sandbox's clock is this far behind: events newer than the safety lag wait for a later run.
BEHIND_MS = 70_000


def cases() -> list[tuple[Kind, str, str]]:
    """Return every kind of request with every fault that it can have, at each frequency in `TIMES`."""
    return [
        (kind, what, times)
        for kind in KINDS
        for what in (*STATUSES, *BROKEN, *TOKENS, *(PAGES if kind.pages else ()))
        for times in TIMES
    ]


def spec(kind: Kind, what: str, times: str) -> str:
    options = [OPTIONS[what]] if what in OPTIONS else []
    options += [f"skip={kind.skip}"] if kind.skip else []
    return f"{kind.path}:{what}:{times}" + (f":{','.join(options)}" if options else "")


def truth_of_lists(sandbox: Sandbox) -> dict[str, list[dict[str, Any]]]:
    return {name: sandbox.state.directory.rows(name) for name in ("users", "workspaces", "models")}


def late_events(sandbox: Sandbox, number: int) -> list[dict[str, Any]]:
    """Return three events that are stored now and happened days ago, yesterday and two minutes ago."""
    day = 86_400_000
    return [
        {
            "id": 2**60 + 10 * number + i, "eventTypeId": "USR-8", "userId": "INTERNAL_1", "tenantId": "t",
            "message": f"late {number}", "success": True, "checksum": "1", "eventTimeZone": "UTC",
            "createdTimeZone": "UTC", "eventDate": sandbox.now_ms - ago + number, "createdDate": sandbox.now_ms,
        }
        for i, ago in enumerate((3 * day, day, 120_000))
    ]  # fmt: skip
