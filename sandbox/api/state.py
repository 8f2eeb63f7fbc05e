"""The simulated tenant as one object, read by the handlers and changed by the control API."""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from aiohttp import web

from ..settings import Settings
from ..world.clock import Clock
from ..world.company import Company
from ..world.entitlements import Entitlements
from ..world.integrations import Integrations
from ..world.model_contents import ModelContents
from ..world.model_history import ModelHistory
from ..world.people import Directory
from ..world.store import Store
from .export_tasks import ExportTasks
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
        self.company = Company(settings.seed, settings.users, settings.models)
        self.store = Store(self.company, settings, clock)
        self.tokens = Tokens(settings, clock)
        self.grants = Grants(settings, clock)
        self.contents = ModelContents(self.company, clock)
        self.history = ModelHistory(self.company, replace(settings), settings)
        self.directory = Directory(self.company, self.store, clock, self.contents, self.history)
        self.integrations = Integrations(self.company, self.store, clock)
        self.entitlements = Entitlements(self.company, self.directory, clock)
        self.exports = ExportTasks(settings, clock)
        # Models that a test has closed to the account or opened to it, whatever the settings say.
        self.closed_models: set[str] = set()
        self.opened_models: set[str] = set()
        self.faults = Faults(settings.seed)
        self.rate_limit = RateLimit(settings)
        self.requests: list[RecordedRequest] = []
        self.trusted_certificates: list[bytes] = []

    def set_access(self, model_id: str, access: bool | None) -> None:
        """Give every account access to a model, or the role NO ACCESS; None is what the settings say."""
        model = self.contents.find(model_id)
        if model is None:
            raise ValueError(f"no model {model_id}")
        self.closed_models.discard(model.id)
        self.opened_models.discard(model.id)
        if access is not None:
            (self.opened_models if access else self.closed_models).add(model.id)


STATE: web.AppKey[State] = web.AppKey("state", State)


def state_of(request: web.Request) -> State:
    """Return the state of the tenant that serves the request."""
    return request.app[STATE]
