"""The source over real HTTP or a simulated client, loaded into dictionaries: state and rows commit together, as in dlt.

A thousand runs take seconds, so that tests can try every fault, order and crash.
"""

import copy
from collections.abc import Callable, Iterator
from typing import Any
from unittest import mock

from audit_source.auth.credentials import PasswordCredentials
from audit_source.auth.sign_in import make_auth
from audit_source.client import Client
from audit_source.directory.lists import fetch_list
from audit_source.errors import AuditSourceError
from audit_source.events.decode_process import PageDecoder
from audit_source.events.fetch import EventFetcher
from audit_source.events.ledger import Reload
from audit_source.events.spans import Span
from audit_source.events.stream import read_log
from audit_source.events.windows import Window
from audit_source.extract_report import Run
from audit_source.known import NOTHING_KNOWN, Known
from audit_source.records import NewColumns
from audit_source.schema import EVENTS
from audit_source.settings import AuditSettings, Hosts
from audit_source.signed_client import SignedClient


class Crash(Exception):
    """The process dies and loses what it extracted."""


class Memory:
    """A destination: rows by id, the ledger, and the state that a load commits with them.

    Args:
        counts_events (bool): Whether the source may ask it for numbers of loaded events.
    """

    def __init__(self, counts_events: bool = True, **settings: Any) -> None:
        self.settings, self.counts_events = settings, counts_events
        self.rows: dict[int, dict[str, Any]] = {}
        self.lists: dict[str, list[str]] = {}
        self.state: dict[str, Any] = {}

    @property
    def windows(self) -> list[Window]:
        return [Window(*values) for values in self.state.get(EVENTS.name, {}).get("windows", {}).get("all", [])]

    def load(
        self,
        client: Any,
        audit_url: str,
        now: int,
        die_after: int | None = None,
        die_before_state: bool = False,
        run: Run | None = None,
        reload: Reload | None = None,
    ) -> Run:
        """Run as many loads as necessary. Crash after `die_after` batches of rows, if set.

        Raises:
            AuditSourceError: From the source; earlier loads are kept.
            Crash: At the requested point.
        """
        run = run or Run(tolerant=True)
        settings = AuditSettings(**{"page_size": 50, "requests_per_minute": 100_000, **self.settings})
        fetcher = EventFetcher(client, audit_url, settings, PageDecoder(NewColumns()))
        try:
            while True:
                log = read_log(fetcher, settings, run, now, reload, known=self._known())
                self._load_once(log, die_after, die_before_state)
                if not run.unfinished:
                    return run
        finally:
            fetcher.close()

    def _known(self) -> Known:
        return Known(count_events=self._count_events) if self.counts_events else NOTHING_KNOWN

    def _count_events(self, spans: list[Span]) -> list[int]:
        moments = [row["event_date"].timestamp() * 1000 for row in self.rows.values() if row["event_date"]]
        return [sum(start <= moment < end for moment in moments) for start, end in spans]

    def _load_once(self, log: Iterator[Any], die_after: int | None, die_before_state: bool) -> None:
        state, rows = copy.deepcopy(self.state), {}
        batches = 0
        with mock.patch("dlt.current.resource_state", lambda name: state.setdefault(name, {})):
            for name, table in log:
                if batches == die_after and not die_before_state:
                    raise Crash
                batches += 1
                if name == EVENTS.name and table is not None:
                    new = {row["id"]: row for row in table.to_pylist()}
                    assert len(new) == len(table) and not new.keys() & rows.keys(), "an id came twice in a load"
                    rows.update(new)
        self.rows.update(rows)
        if die_before_state and die_after is not None and batches >= die_after:
            raise Crash
        self.state = state


def by_password(email: str = "auditor@example.com", password: str = "sandbox") -> PasswordCredentials:
    credentials = PasswordCredentials()
    credentials.email, credentials.password = email, password
    return credentials


def run_over_http(memory: Memory, url: str, credentials: Any = None) -> tuple[Run | None, AuditSourceError | None]:
    """Run events and lists against a server. Returns the report or the error."""
    settings = AuditSettings(**{"requests_per_minute": 100_000, **memory.settings})
    client = Client(settings.parallel_requests, settings.requests_per_minute, settings.request_deadline_seconds)
    credentials = credentials or by_password()
    signed = SignedClient(client, make_auth(client, Hosts(url, url, url, url), credentials, None))
    run = Run(tolerant=True)
    try:
        signed.auth.token()
        memory.load(signed, url, client.now_ms(), run=run)
        for name in ("users", "workspaces", "models"):
            try:
                memory.lists[name] = [str(record["id"]) for record in fetch_list(signed, url, name)]
            except AuditSourceError as error:
                run.leave_out(error)
    except AuditSourceError as error:
        return None, error
    finally:
        signed.close()
        run.close()
    return run, None


class Answer:
    """The part of a response that the source uses."""

    def __init__(self, content: bytes, status_code: int = 200) -> None:
        self.content, self.status_code = content, status_code


class FakeClient:
    """Replaces `SignedClient`: a function of the parameters returns the answers, in this process."""

    def __init__(self, answer: Callable[[dict[str, Any]], Answer]) -> None:
        self._answer = answer
        self.requests: list[dict[str, Any]] = []

    def get(self, url: str, params: dict[str, Any]) -> Answer:
        self.requests.append(params)
        return self._answer(params)
