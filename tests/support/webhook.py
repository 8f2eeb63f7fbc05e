"""A chat's incoming webhook that records its messages."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

PATH = "/services/T0/B0/s3cretpath"


class Webhook:
    """Answers with `status`; `texts` are the accepted messages."""

    def __init__(self) -> None:
        self.status = 200
        self.answer = b""
        self.texts: list[str] = []
        self.requests: list[tuple[str, dict[str, str], dict[str, Any]]] = []
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"hook": self}))
        self.url = f"http://127.0.0.1:{self._server.server_port}{PATH}"

    def __enter__(self) -> "Webhook":
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        return self

    def __exit__(self, *_: Any) -> None:
        self._server.shutdown()
        self._server.server_close()

    def take(self) -> list[str]:
        """Return the messages since the last call."""
        taken, self.texts = self.texts, []
        return taken


class _Handler(BaseHTTPRequestHandler):
    hook: Webhook

    def log_message(self, *_: Any) -> None:
        pass

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.hook.requests.append((self.path, dict(self.headers), body))
        if self.hook.status == 200 and "text" in body:
            self.hook.texts.append(body["text"])
        self.send_response(self.hook.status)
        self.send_header("Location", f"{self.hook.url}/elsewhere")
        self.send_header("Content-Length", str(len(self.hook.answer)))
        self.end_headers()
        self.wfile.write(self.hook.answer)
