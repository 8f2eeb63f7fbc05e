"""The server: a coroutine for the command line, and a context manager with its own thread for tests."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from aiohttp import web

from .api import audit, auth, cloudworks, directory, exports, model_contents, oauth, scim
from .api.certificates import KeyPair, fingerprint
from .api.control import control_routes
from .api.fault_effects import STOPPING
from .api.faults import Faults
from .api.middleware import set_date, steer
from .api.state import STATE, RecordedRequest, State
from .api.tokens import AUDITOR
from .settings import Settings
from .world.clock import Clock
from .world.company import Company

MAX_BODY = 1 << 30
START_SECONDS = 30


def make_app(state: State, stopping: asyncio.Event) -> web.Application:
    """Return the web application of a simulated tenant."""
    app = web.Application(middlewares=[steer], client_max_size=MAX_BODY)
    app.on_response_prepare.append(set_date)
    app[STATE] = state
    app[STOPPING] = stopping
    services = (auth, oauth, directory, model_contents, exports, cloudworks, scim, audit)
    for routes in (*(service.routes for service in services), control_routes()):
        app.add_routes(routes)
    return app


async def serve(state: State, host: str, port: int, stopping: asyncio.Event, ready: Callable[[str], None]) -> None:
    """Serve until `stopping` is set. Calls `ready` with the base URL once the server accepts requests."""
    # A client that disconnects must not leave a handler waiting.
    runner = web.AppRunner(make_app(state, stopping), access_log=None, handler_cancellation=True, shutdown_timeout=0.5)
    await runner.setup()
    try:
        site = web.TCPSite(runner, host, port)
        await site.start()
        address = runner.addresses[0]
        ready(f"http://{host}:{address[1]}")
        await stopping.wait()
    finally:
        await runner.cleanup()


class Sandbox:
    """A running sandbox: `with Sandbox(events=1_000, page_cap=100) as sandbox: requests.get(sandbox.url + ...)`.

    Keyword arguments are the fields of `Settings`. `clock_ms` stops the clock from the start. Days of events
    are generated on their first request.
    """

    def __init__(
        self,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        clock_ms: int | None = None,
        faults: Iterable[str] = (),
        trust: Iterable[str | Path | KeyPair] = (),
        **knobs: Any,
    ) -> None:
        settings = Settings()
        settings.set(**knobs)
        self.state = State(settings, Clock(clock_ms))
        self.state.faults.add(*faults)
        for certificate in trust:
            self.trust(certificate)
        self.url = ""
        self._address = (host, port)
        self._ready = threading.Event()
        self._error: BaseException | None = None
        self._thread: threading.Thread | None = None

    def __enter__(self) -> Sandbox:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> Sandbox:
        self._thread = threading.Thread(target=self._run, name="sandbox", daemon=True)
        self._thread.start()
        if not self._ready.wait(START_SECONDS):
            raise TimeoutError("the sandbox did not start")
        if self._error is not None:
            raise self._error
        return self

    def stop(self) -> None:
        if self._thread is not None and self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._stopping.set)
            self._thread.join()
        self._thread = None

    def _run(self) -> None:
        try:
            asyncio.run(self._serve())
        except BaseException as error:
            self._error = error
        finally:
            self._ready.set()

    async def _serve(self) -> None:
        self._loop, self._stopping = asyncio.get_running_loop(), asyncio.Event()

        def ready(url: str) -> None:
            self.url = url
            self._ready.set()

        await serve(self.state, *self._address, self._stopping, ready)

    @property
    def settings(self) -> Settings:
        return self.state.settings

    @property
    def company(self) -> Company:
        return self.state.company

    @property
    def faults(self) -> Faults:
        return self.state.faults

    @property
    def requests(self) -> list[RecordedRequest]:
        """Return the requests received so far, except those under `/_sandbox`; `requests.clear()` removes them."""
        return self.state.requests

    @property
    def now_ms(self) -> int:
        return self.state.clock.now()

    def truth(self, event_type: str = "all") -> list[dict[str, Any]]:
        """Return the events that are visible now, ordered by eventDate."""
        return self.state.store.truth(event_type)

    def warm(self) -> int:
        """Generate every day that a client can request now. Returns the number of visible events."""
        return self.state.store.warm()

    def add_events(self, events: Iterable[dict[str, Any]], visible_from: int | None = None) -> list[Any]:
        """Add events unchanged, visible from their createdDate or from `visible_from` (late). Returns the ids."""
        return self.state.store.add(events, visible_from)

    def hold_back(self, events: Iterable[dict[str, Any]]) -> list[Any]:
        """Add events that stay hidden until `release()`. Returns the ids."""
        return self.state.store.hold_back(events)

    def release(self) -> int:
        """Make held-back events visible, and return their number."""
        return self.state.store.release()

    def users(self) -> list[dict[str, Any]]:
        """Return the current list of users."""
        return self.state.directory.users()

    def rename_user(self, user_id: str, **fields: Any) -> None:
        """Change firstName, lastName, email or active of a user."""
        self.state.directory.rename_user(user_id, **fields)

    def remove_user(self, user_id: str) -> None:
        """Remove the user from the list; the events stay."""
        self.state.directory.remove_user(user_id)

    def add_user(self, **fields: Any) -> str:
        """Add a user to the list. Returns the id."""
        return self.state.directory.add_user(**fields)

    def set_collection(self, collection: str, rows: list[dict[str, Any]] | None) -> None:
        """Serve exactly these rows as `users`, `workspaces` or `models`; None restores the company's own."""
        self.state.directory.replace(collection, rows)

    def set_role(self, auditor: bool, email: str = AUDITOR) -> None:
        """Grant or revoke the account's Tenant Auditor role, also for live tokens."""
        self.state.tokens.accounts[email].auditor = auditor

    def set_rights(self, email: str = AUDITOR, **rights: bool) -> None:
        """Give rights or take them: auditor, cloudworks, user_administrator, workspaces, models."""
        self.state.tokens.accounts[email].set(**rights)

    def set_access(self, model_id: str, access: bool | None) -> None:
        """Give access to a model, or the role NO ACCESS; None is what `no_access_models` says."""
        self.state.set_access(model_id, access)

    def change_item(self, model_id: str, item_id: str, **fields: Any) -> None:
        """Change an action, import, export, process or file of a model: name, code, exportType, …"""
        self.state.contents.change(model_id, item_id, **fields)

    def remove_item(self, model_id: str, item_id: str) -> None:
        """Delete an action, import, export, process or file of a model; events of it stay."""
        self.state.contents.remove(model_id, item_id)

    def add_item(self, model_id: str, kind: str, **fields: Any) -> str:
        """Add to `actions`, `imports`, `exports`, `processes` or `files` of a model; returns the id."""
        return self.state.contents.add(model_id, kind, **fields)

    def model_history(self, model_id: str) -> Iterator[dict[str, str]]:
        """Yield the rows of a model's history that are saved now, newest first, as its file must hold them."""
        model = self.state.contents.find(model_id)
        if model is None:
            raise ValueError(f"no model {model_id}")
        return self.state.history.rows(model, self.state.history.count(model, self.now_ms))

    def change_integration(self, integration_id: str, **fields: Any) -> None:
        """Change fields of an integration of CloudWorks."""
        self.state.integrations.change(integration_id, **fields)

    def remove_integration(self, integration_id: str) -> None:
        """The integration disappears from the list; its events stay."""
        self.state.integrations.remove(integration_id)

    def entitle(self, user_id: str, workspace_ids: list[str] | None) -> None:
        """Let a user enter exactly these workspaces; None goes back to the company's own."""
        self.state.entitlements.replace(user_id, workspace_ids)

    def set_clock(self, ms: int | None = None, *, offset_ms: int = 0) -> None:
        """Stop the clock at `ms`; without `ms` it runs `offset_ms` ahead of real time."""
        self.state.clock.set(ms, offset_ms)

    def advance(self, *, ms: int = 0, seconds: float = 0, hours: float = 0, days: float = 0) -> None:
        """Move the clock forward, stopped or running."""
        self.state.clock.advance(ms + int(1_000 * (seconds + 3_600 * (hours + 24 * days))))

    def issue_token(self, email: str = AUDITOR) -> str:
        """Return a live token without a sign-in."""
        return self.state.tokens.issue(email).value

    def expire_tokens(self) -> int:
        """Expire all access tokens; OAuth refresh tokens stay valid."""
        return self.state.tokens.expire_all()

    def approve_device(self, user_code: str | None = None, email: str = AUDITOR) -> bool:
        """Approve a device code, by default the newest. Return False if there is none."""
        return self.state.grants.approve(user_code, email)

    def deny_device(self, user_code: str | None = None) -> bool:
        """Deny a device code, by default the newest. Return False if there is none."""
        return self.state.grants.deny(user_code)

    def trust(self, certificate: str | Path | KeyPair) -> None:
        """Trust a sign-in certificate: a path, PEM text, or a pair from `sandbox.api.certificates`."""
        text = certificate.certificate if isinstance(certificate, KeyPair) else certificate
        if isinstance(text, Path) or "-----BEGIN" not in text:
            text = Path(text).read_text()
        self.state.trusted_certificates.append(fingerprint(text.encode()))
