"""Faults to inject, and at which requests. Syntax: `kind:what[:when[:key=value,...]]`.

kind  auth, oauth, events (GET and POST), search (POST only), users, workspaces, models,
      directory (these three and everything below /2/0/), all, or a path that the request's path begins with;
      contents (lists inside models), tasks (POST and its list), polls, chunks, cloudworks, scim
what  a status (429, 500, 502, 503, 504, ...), or
      token-dead     401 as if the token were invalid (it stays valid)
      token-expired  the token expires: this and all further requests with it get 401
      role           401 FAILURE_UNAUTHORIZED_USER_ACTION
      reset          the connection is reset before the answer
      timeout        no answer
      half-body      full Content-Length, half of the body, then the connection closes
      bad-json       200 with the first half of the JSON
      html           200 with an HTML page          maintenance    503 with an HTML page
      204            no content                     empty-page     `response` is empty, totals are correct
      duplicate-page rows of the previous page       shifted-page   rows from one offset earlier (by=1)
      wrong-total    totalSize is wrong (by=1)      slow           the body arrives slowly (seconds=2)
      redirect       to another host (to=URL)       gzip           compressed, if the client accepts it
      task-failed, task-cancelled   the export of this POST ends so      task-hangs   it never ends
      task-unsuccessful   its task is COMPLETE, but not successful
      task-without-id     this POST is answered without `taskId` (all five: kind `tasks`)
when  3      the next three matching requests (default 1)
      @4     only the fourth matching request
      /5     every fifth            ~0.1   each with a probability of 10 % (seeded)
      *      every one
keys  retry_after=5|none|text (429, 503), by=n, seconds=n, to=URL, status=302 (redirect), skip=n (let n pass first)

Examples: `events:500:3`, `events:429:~0.05:retry_after=none`, `users:half-body`, `all:reset:/50`.
"""

from __future__ import annotations

import re
import threading
from dataclasses import dataclass, field
from random import Random

# One function for each fault: what `what` may be, and what it does.
from .fault_effects import EFFECTS

AUDIT_EVENTS = "/audit/api/1/events"
PATHS = {
    "auth": ("/token/",),
    "oauth": ("/oauth/",),
    "events": (AUDIT_EVENTS,),
    "search": (f"{AUDIT_EVENTS}/search",),
    "users": ("/2/0/users",),
    "workspaces": ("/2/0/workspaces",),
    "models": ("/2/0/models",),
    "directory": ("/2/0/",),
    "all": ("/",),
}
MODEL_PATH = r"(/2/0/workspaces/[^/]+|/2/0)/models/[^/]+"
# Kinds of request that the beginning of their path does not tell.
PATTERNS = {
    "contents": rf"{MODEL_PATH}/(actions|imports|exports|processes(/[^/]+)?|files)",
    "tasks": rf"{MODEL_PATH}/exports/[^/]+/tasks",
    "polls": rf"{MODEL_PATH}/exports/[^/]+/tasks/[^/]+",
    "chunks": rf"{MODEL_PATH}/files/[^/]+/chunks(/[^/]+)?",
    "cloudworks": r"(/cloudworks)?/2/0/integration.*",
    "scim": r"/scim/.*",
}


@dataclass
class Fault:
    kind: str
    what: str
    when: str = "1"
    options: dict[str, str] = field(default_factory=dict)
    seen: int = 0
    done: int = 0

    def __post_init__(self) -> None:
        if self.kind not in (*PATHS, *PATTERNS) and not self.kind.startswith("/"):
            raise ValueError(f"unknown kind `{self.kind}`; known: {', '.join((*PATHS, *PATTERNS))}, or a path")
        if self.what not in EFFECTS and not self.what.isdigit():
            raise ValueError(f"unknown fault `{self.what}`; known: a status, {', '.join(EFFECTS)}")
        try:
            float(self.when.lstrip("@/~") if self.when != "*" else "1")
        except ValueError:
            raise ValueError(f"`when` must be 3, @4, /5, ~0.1 or *, not `{self.when}`") from None

    @classmethod
    def parse(cls, spec: str) -> Fault:
        kind, what, when, options = [*spec.split(":", 3), "", "", ""][:4]
        pairs = [pair.partition("=") for pair in options.split(",") if pair]
        return cls(kind, what, when or "1", {key: value for key, _, value in pairs})

    @property
    def spec(self) -> str:
        options = ",".join(f"{key}={value}" for key, value in self.options.items())
        return f"{self.kind}:{self.what}:{self.when}" + (f":{options}" if options else "")

    def number(self, key: str, default: float) -> float:
        return float(self.options.get(key, default))

    def matches(self, path: str) -> bool:
        if self.kind == "events":
            return path in (AUDIT_EVENTS, f"{AUDIT_EVENTS}/search")
        if self.kind in PATTERNS:
            return re.fullmatch(PATTERNS[self.kind], path) is not None
        return any(path.startswith(prefix) for prefix in PATHS.get(self.kind, (self.kind,)))

    def strikes(self, rng: Random) -> bool:
        """Count one matching request and return whether the fault applies to it."""
        self.seen += 1
        count = self.seen - int(self.number("skip", 0))
        if count < 1:
            return False
        sign, value = self.when[0], self.when.lstrip("@/~")
        if sign == "*":
            return True
        if sign == "@":
            return count == int(value)
        if sign == "/":
            return count % int(value) == 0
        if sign == "~":
            return rng.random() < float(value)
        return count <= int(value)


class Faults:
    """The active faults, in order. At most one applies to a request."""

    def __init__(self, seed: int) -> None:
        self._rng = Random(f"{seed}/faults")
        self._lock = threading.Lock()
        self.active: list[Fault] = []

    def add(self, *specs: str) -> list[Fault]:
        """Add faults in the syntax above, for example `faults.add("events:500:3")`."""
        added = [Fault.parse(spec) for spec in specs]
        with self._lock:
            self.active += added
        return added

    def clear(self) -> None:
        with self._lock:
            self.active = []

    def take(self, path: str) -> Fault | None:
        """Return the fault for this request, if any. Faults after it do not count the request."""
        with self._lock:
            for fault in self.active:
                if fault.matches(path) and fault.strikes(self._rng):
                    fault.done += 1
                    return fault
        return None
