"""A client that is signed in to a sandbox, and events for it."""

from datetime import datetime, timezone
from typing import Any

import requests

from sandbox.server import Sandbox

NOW = int(datetime(2026, 11, 18, 12, tzinfo=timezone.utc).timestamp() * 1000)  # a Wednesday


EVENTS = "/audit/api/1/events"


class Client(requests.Session):
    """Sends to one sandbox, with a live token unless told otherwise."""

    def __init__(self, sandbox: Sandbox, scheme: str = "AnaplanAuthToken", email: str = "auditor@example.com") -> None:
        super().__init__()
        self.trust_env = False
        self.base = sandbox.url
        self.headers["Authorization"] = f"{scheme} {sandbox.issue_token(email)}"

    def request(self, method: str, url: str, **more: Any) -> requests.Response:  # type: ignore[override]
        more.setdefault("timeout", 10)
        return super().request(method, self.base + url if url.startswith("/") else url, **more)

    def events(self, **params: Any) -> dict[str, Any]:
        answer = self.get(EVENTS, params=params)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def ids(self, **params: Any) -> list[int]:
        return [event["id"] for event in self.events(**params)["response"]]

    def all_ids(self, step: int, **params: Any) -> list[int]:
        """Ids of all pages, by offset, until a page is empty."""
        found: list[int] = []
        while page := self.ids(limit=step, offset=len(found), **params):
            found += page
        return found


def event(number: int, when: int, **fields: Any) -> dict[str, Any]:
    """A minimal event."""
    return {"id": 2**60 + number, "eventTypeId": "USR-8", "eventDate": when, "createdDate": when, **fields}
