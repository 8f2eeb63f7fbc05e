"""The simulated tenant as one object, read by the handlers and changed by the control API."""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass, field
from typing import Any

from aiohttp import web

from ..settings import Settings
from ..world.clock import Clock
from ..world.company import Company
from ..world.people import Directory
from ..world.store import Store
from .faults import Faults
from .oauth_grants import Grants
from .tokens import Tokens


@dataclass
class RecordedRequest:
    """A request as the sandbox received it, without credentials; of the answer only its size."""

    method: str
    path: str
    query: dict[str, str]
    body: Any = None
    # First word of the Authorization header: enough to see which host received a token.
    auth_scheme: str = ""
    host: str = ""
    at_ms: int = 0
    status: int = 0
    fault: str = ""
    rows: int | None = None
    size: int = 0

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


@dataclass
class RateLimit:
    """A token bucket for the whole tenant. It uses real time: a stopped clock must not stop the refill."""

    settings: Settings
    level: float = field(init=False)
    checked: float = field(default_factory=time.monotonic)

    def __post_init__(self) -> None:
        self.level = float(self.settings.rate_limit)

    def allows(self) -> bool:
        size = self.settings.rate_limit
        if size <= 0:
            return True
        now = time.monotonic()
        self.level = min(float(size), self.level + (now - self.checked) * size / 60)
        self.checked = now
        if self.level < 1:
            return False
        self.level -= 1
        return True


class State:
    def __init__(self, settings: Settings, clock: Clock) -> None:
        self.settings, self.clock = settings, clock
        self.company = Company(settings.seed, settings.users)
        self.store = Store(self.company, settings, clock)
        self.tokens = Tokens(settings, clock)
        self.grants = Grants(settings, clock)
        self.directory = Directory(self.company, self.store, clock)
        self.faults = Faults(settings.seed)
        self.rate_limit = RateLimit(settings)
        self.requests: list[RecordedRequest] = []
        self.trusted_certificates: list[bytes] = []


STATE: web.AppKey[State] = web.AppKey("state", State)


def state_of(request: web.Request) -> State:
    return request.app[STATE]
