"""A second, minimal server, written from Anaplan's API documentation and not from the sandbox.

The pipeline must fit more than its own simulation.
"""

import base64
import json
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

TOKEN = "plain-token"


class PlainServer:
    """Serves given events and lists; `shape` holds variations seen in real answers."""

    def __init__(self, events: list[dict], lists: dict[str, list[dict]] | None = None, **shape: Any) -> None:
        self.events, self.lists, self.shape = events, lists or {}, shape
        self.requests: list[str] = []
        # Returns the events of a window, or their JSON texts. Default: events dated within it.
        self.select: Callable[[int, int], list[Any]] | None = None
        handler = type("Handler", (_Handler,), {"plain": self})
        self.over = threading.Event()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> "PlainServer":
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        return self

    def __exit__(self, *_: Any) -> None:
        self.over.set()
        self._server.shutdown()
        self._server.server_close()


class _Handler(BaseHTTPRequestHandler):
    plain: PlainServer
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: Any) -> None:
        pass

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        path = urlsplit(self.path).path
        if path == "/token/authenticate":
            expected = "Basic " + base64.b64encode(b"auditor@example.com:secret").decode()
            if self.headers["Authorization"] != expected:
                return self._answer(401, {"status": "FAILURE_BAD_CREDENTIAL", "statusMessage": "no"})
            return self._answer(201, {"status": "SUCCESS", "tokenInfo": {"tokenValue": TOKEN, "expiresAt": 0}})
        return self._answer(204 if path == "/token/logout" else 404, None)

    def do_GET(self) -> None:
        url = urlsplit(self.path)
        query = {key: values[0] for key, values in parse_qs(url.query).items()}
        self.plain.requests.append(self.path)
        if self.headers["Authorization"] != f"AnaplanAuthToken {TOKEN}":
            return self._answer(401, {"status": "FAILURE_INVALID_TOKEN"})
        if url.path == "/audit/api/1/events":
            return self._events(query)
        if url.path == "/scim/1/0/v2/Users":
            users = self.plain.lists.get("scim", [])
            return self._answer(200, {"totalResults": len(users), "startIndex": 1, "Resources": users})
        return self._list(url.path.rsplit("/", 1)[-1], query)

    def _events(self, query: dict[str, str]) -> None:
        if self.plain.shape.get("no_role"):
            return self._answer(401, {"status": "FAILURE_UNAUTHORIZED_USER_ACTION"})
        if self.plain.shape.get("html"):
            return self._answer(200, "<html><body>We will be back</body></html>")
        if self.plain.shape.get("no_single_event") and query["limit"] == "1":
            return self._answer(204, None)
        start, end = int(query["dateFrom"]), int(query["dateTo"])
        # Replaces the answer of a window: a status, or 0 for no answer at all.
        refusal = self.plain.shape.get("refuse", lambda *_: None)(start, end)
        if refusal == 0:
            self.close_connection = self.plain.over.wait()
            return None
        if refusal is not None:
            return self._answer(refusal, {"status": "FAILURE"})
        if self.plain.shape.get("end_inclusive"):
            end += 1
        if self.plain.select is not None:
            return self._selected(self.plain.select(start, end), query)
        found = [event for event in self.plain.events if start <= event["eventDate"] < end]
        if self.plain.shape.get("newest_first"):
            found.reverse()
        offset = int(query["offset"])
        page = found[offset : offset + min(int(query["limit"]), self.plain.shape.get("page_cap", 10_000))]
        page = [event for event in page if event["id"] != self.plain.shape.get("withhold")]
        answer: dict[str, Any] = {"response": page}
        total = self.plain.shape.get("told", int)(len(found))
        paging = {"currentPageSize": len(page), "totalSize": total, "offSet": offset, "nextOffset": total}
        if not (
            self.plain.shape.get("no_meta") or (self.plain.shape.get("meta_if_needed") and len(page) == len(found))
        ):
            answer["meta"] = {"paging": paging}
        self._answer(200, answer)
        return None

    def _selected(self, found: list[Any], query: dict[str, str]) -> None:
        """Answer with events, some of them JSON texts that no encoder would write."""
        page = found[int(query["offset"]) :][: int(query["limit"])]
        texts = ", ".join(one if isinstance(one, str) else json.dumps(one) for one in page)
        paging = json.dumps({"currentPageSize": len(page), "totalSize": len(found), "offSet": int(query["offset"])})
        self._answer(200, f'{{"meta": {{"paging": {paging}}}, "response": [{texts}]}}', "application/json")

    def _list(self, name: str, query: dict[str, str]) -> None:
        records = self.plain.lists.get(name, [])
        offset = int(query["offset"])
        page = records[offset : offset + int(query["limit"])]
        total = self.plain.shape.get("list_total", len(records)) if name == "users" else len(records)
        paging = {"currentPageSize": len(page), "totalSize": total, "offset": offset}
        self._answer(200, {"meta": {"paging": paging}, **({name: page} if page else {})})

    def _answer(self, status: int, body: Any, kind: str | None = None) -> None:
        page = isinstance(body, str)
        content = b"" if body is None else body.encode() if page else json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", kind or ("text/html" if page else "application/json"))
        self.send_header("Content-Length", str(len(content)))
        # One write: with two, the second would wait for the acknowledgement of the first.
        self._headers_buffer.append(b"\r\n" + content)
        self.flush_headers()
