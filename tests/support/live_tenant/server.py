"""The four services on one port, each below its own path: a request to the wrong service gets a 404."""

import base64
import json
import threading
import time
from collections.abc import Callable
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple
from urllib.parse import parse_qsl, quote, urlsplit

from tests.support.live_tenant.audit_api import AuditApi
from tests.support.live_tenant.company import Company
from tests.support.live_tenant.details_api import DetailsApi
from tests.support.live_tenant.history_exports import HistoryExports
from tests.support.live_tenant.integration_api import IntegrationApi
from tests.support.live_tenant.sign_in import SignIn

SERVICES = ("auth", "oauth", "api", "audit")
GATEWAY = "<html><head><title>403 Forbidden</title></head><body><h1>Request blocked</h1></body></html>"
MAINTENANCE = "<html><body>Anaplan is undergoing scheduled maintenance.</body></html>"


class Request(NamedTuple):
    """A request as it arrived, complete, because tests search it for secrets."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes
    status: int

    @property
    def path(self) -> str:
        return urlsplit(self.target).path


class LiveTenant:
    """Serves the APIs of a company.

    Args:
        company: What the tenant holds.
        version: Accepted certificate sign-in, `v1` or `v2`.
        form: Accepted certificate header, `pem` or `der`.
        clock_seconds: Seconds by which its clock is ahead of this machine's.
        shape: Variations of the audit API, see `AuditApi`.
    """

    def __init__(
        self, company: Company, version: str = "v2", form: str = "pem", clock_seconds: int = 0, **shape: Any
    ) -> None:
        self.company, self.clock_seconds = company, clock_seconds
        self.sign_in = SignIn(self.now_ms, version, form)
        self.audit = AuditApi(company.events, **shape)
        lists = {"users": company.users, "workspaces": company.workspaces, "models": company.models}
        self.integration = IntegrationApi(lists)
        self.history = HistoryExports()
        self.details = DetailsApi(company.users)
        self.requests: list[Request] = []
        # Answers that replace those of a service: HTML and a status, by service.
        self.instead: dict[str, tuple[int, str]] = {}
        self.has_role = True
        handler = type("Handler", (_Handler,), {"tenant": self})
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> "LiveTenant":
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        return self

    def __exit__(self, *_: Any) -> None:
        self._server.shutdown()
        self._server.server_close()

    def now_ms(self) -> int:
        return int((time.time() + self.clock_seconds) * 1000)

    def publish(self) -> None:
        """Make the newest events of the company visible."""
        self.audit.events = self.company.events

    def point(self, set_variable: Callable[[str, Any], None], slash: str = "", host: str = "127.0.0.1") -> None:
        """Set the four addresses of the source."""
        base = self.url.replace("127.0.0.1", host)
        for service in SERVICES:
            set_variable(f"{service.upper()}_URL", f"{base}/{service}-host{slash}")

    def answer(self, method: str, target: str, headers: dict[str, str], body: bytes) -> tuple[int, Any]:
        url = urlsplit(target)
        place, _, rest = url.path.removeprefix("/").partition("/")
        service, path = place.removesuffix("-host"), f"/{rest}"
        query = dict(parse_qsl(url.query, keep_blank_values=True))
        if service in self.instead:
            return self.instead[service]
        header = headers.get("authorization", "")
        if service == "auth":
            return self.sign_in.answer(method, path, header, body)
        if service == "oauth" and path in ("/oauth/token", "/oauth/device/code"):
            return self.sign_in.oauth(path, headers.get("content-type", ""), body)
        if method == "GET" and service == "audit" and path == "/audit/api/1/events":
            return self._events(header, query)
        if method in ("GET", "POST") and service == "api":
            # CloudWorks refuses `Bearer`, the other services accept it.
            accepted = header if path.startswith("/cloudworks/") else header.replace("Bearer ", "AnaplanAuthToken ", 1)
            if not self.sign_in.is_good(accepted):
                return 401, {"status": "FAILURE_BAD_CREDENTIAL", "statusMessage": "Token is invalid."}
            below_a_model = self.history.answer(method, path)
            if below_a_model is not None:
                return below_a_model
            if method == "GET":
                return self.details.answer(path, query) or self.integration.answer(path, query)
        return 404, "<html><body>Not Found</body></html>"

    def _events(self, header: str, query: dict[str, str]) -> tuple[int, Any]:
        if not header.startswith("AnaplanAuthToken "):
            return 401, {"status": "FAILURE_BAD_HEADER", "statusMessage": "No valid token header found for the request"}
        if not self.sign_in.is_good(header):
            return 401, {"status": "FAILURE_BAD_CREDENTIAL", "statusMessage": "Token is invalid."}
        if not self.has_role:
            message = "User is not authorized to perform the action."
            return 401, {"status": "FAILURE_UNAUTHORIZED_USER_ACTION", "statusMessage": message}
        return self.audit.answer("https://audit.anaplan.com/audit/api/1/events", query, self.now_ms())


class _Handler(BaseHTTPRequestHandler):
    tenant: LiveTenant
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: Any) -> None:
        pass

    def date_time_string(self, timestamp: float | None = None) -> str:
        return formatdate(self.tenant.now_ms() / 1000, usegmt=True)

    def _respond(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        headers = {name.lower(): value for name, value in self.headers.items()}
        status, answer = self.tenant.answer(self.command, self.path, headers, body)
        self.tenant.requests.append(Request(self.command, self.path, headers, body, status))
        self.send_response(status)
        if isinstance(answer, bytes):
            kind, content = "application/octet-stream", answer
            self.send_header("Content-Encoding", "gzip")
        elif isinstance(answer, str):
            kind, content = "text/html", answer.encode()
        else:
            kind = "application/json"
            content = b"" if answer is None else json.dumps(answer, ensure_ascii=False).encode()
        self.send_header("Content-Type", kind)
        if status != 204:
            self.send_header("Content-Length", str(len(content)))
        # One write: with two, the second would wait for the acknowledgement of the first.
        self._headers_buffer.append(b"\r\n" + content)  # type: ignore[attr-defined]
        self.flush_headers()

    do_GET = do_POST = do_PUT = do_DELETE = do_PATCH = _respond


def written_forms(secret: str) -> set[bytes]:
    """Return every form of a secret in a file or request: plain, escaped, quoted, in base64 at any offset."""
    raw = secret.encode()
    forms = {raw, quote(secret, safe="").encode(), json.dumps(secret)[1:-1].encode(), repr(secret)[1:-1].encode()}
    # Without both ends, which depend on the neighbouring bytes.
    for offset in range(3):
        encoded = base64.b64encode(b"\0" * offset + raw)
        forms.add(encoded[4 if offset else 0 : -4])
    return {form for form in forms if len(form) >= 8}
