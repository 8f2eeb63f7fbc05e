"""The proxy of the example lets nobody through to the dashboard who has not signed in."""

import re
import shutil
import socket
import subprocess
import threading
from collections.abc import Iterator
from contextlib import closing
from http.client import HTTPConnection, HTTPResponse, HTTPSConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from ssl import create_default_context
from typing import Any

import pytest

from tests.conftest import REPOSITORY
from tests.support.receivers import write_certificate

SCHEDULES = REPOSITORY / "pipelines" / "schedules"
TEXT = (SCHEDULES / "nginx-dashboard.conf").read_text(encoding="utf-8")
# Debian's nginx stands in a folder of administrators.
NGINX = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")
SIGNED_IN, REFUSED = "session=of-an-auditor", "session=of-a-stranger"


def test_the_proxy_leads_to_the_port_of_the_unit() -> None:
    unit = (SCHEDULES / "anaplan-audit-dashboard.service").read_text(encoding="utf-8")
    (port,) = re.findall(r"^ExecStart=.* --port (\d+)$", unit, re.MULTILINE)
    assert f"proxy_pass http://127.0.0.1:{port};" in TEXT
    # It listens on this machine only, which is the default, and gets no credentials of Anaplan.
    assert "--address" not in unit
    assert re.findall(r"^LoadCredential=(\S+?):", unit, re.MULTILINE) == ["config.toml"]


class _Backend(BaseHTTPRequestHandler):
    """Both services behind the proxy: it answers as oauth2-proxy does, and shows what the dashboard is given."""

    seen: list[tuple[str, dict[str, str]]]

    def log_message(self, *_: Any) -> None:
        pass

    def do_GET(self) -> None:
        headers = {name.lower(): value for name, value in self.headers.items()}
        self.seen.append((self.path, headers))
        if self.path.startswith("/oauth2/auth"):
            return self._answer({SIGNED_IN: 202, REFUSED: 403}.get(headers.get("cookie", ""), 401))
        if self.path.startswith("/oauth2/"):
            return self._answer(302, Location=f"https://login.example.com/?then={headers['x-auth-request-redirect']}")
        if headers.get("upgrade") == "websocket":
            return self._answer(101, Upgrade="websocket", Connection="Upgrade")
        return self._answer(200)

    def _answer(self, status: int, **headers: str) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        if status != 101:
            self.send_header("Content-Length", "0")
        self.end_headers()


class Proxy:
    """A running nginx, and what the services behind it were asked."""

    def __init__(self, port: int, certificate: Path, seen: list[tuple[str, dict[str, str]]]) -> None:
        self._port, self._certificate, self.seen = port, certificate, seen

    def get(self, path: str, **headers: str) -> HTTPResponse:
        connection = HTTPSConnection(
            "127.0.0.1", self._port, context=create_default_context(cafile=str(self._certificate)), timeout=20
        )
        return _answer_of(connection, path, headers)

    def reached(self) -> list[str]:
        """Return the paths that the dashboard was asked for."""
        return [path for path, _ in self.seen if not path.startswith("/oauth2/")]


def _answer_of(connection: HTTPConnection, path: str, headers: dict[str, str]) -> HTTPResponse:
    with closing(connection):
        connection.request("GET", path, headers={"Host": "audit.example.com", **headers})
        with closing(connection.getresponse()) as answer:
            return answer


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


def _configuration(folder: Path, ports: dict[str, int], files: tuple[Path, Path]) -> str:
    """Return the example as a whole configuration, with free ports, a certificate and files in a folder."""
    text = re.sub(r"^ *listen \[::\].*\n", "", TEXT, flags=re.MULTILINE)
    for found, mine in (
        ("listen 80;", f"listen 127.0.0.1:{ports['http']};"),
        ("listen 443 ssl;", f"listen 127.0.0.1:{ports['https']} ssl;"),
        ("127.0.0.1:4180", f"127.0.0.1:{ports['backend']}"),
        ("127.0.0.1:8501", f"127.0.0.1:{ports['backend']}"),
        ("/etc/nginx/tls/audit.example.com.pem", str(files[0])),
        ("/etc/nginx/tls/audit.example.com.key", str(files[1])),
        ("/var/log/nginx/", f"{folder}/"),
    ):
        assert found in text
        text = text.replace(found, mine)
    temporary = "".join(
        f"{kind}_temp_path {folder}/{kind};\n" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    return f"pid {folder}/nginx.pid;\ndaemon off;\nevents {{}}\nhttp {{\n{temporary}{text}}}\n"


@pytest.fixture
def proxy(tmp_path: Path) -> Iterator[Proxy]:
    if NGINX is None:
        pytest.skip("nginx is not here")
    seen: list[tuple[str, dict[str, str]]] = []
    backend = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Backend,), {"seen": seen}))
    threading.Thread(target=backend.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    ports = {"http": _free_port(), "https": _free_port(), "backend": backend.server_port}
    files = write_certificate(tmp_path)
    (tmp_path / "nginx.conf").write_text(_configuration(tmp_path, ports, files))
    command = [NGINX, "-p", str(tmp_path), "-e", str(tmp_path / "error.log"), "-c", str(tmp_path / "nginx.conf")]
    checked = subprocess.run([*command, "-t"], capture_output=True, text=True, check=False)
    assert checked.returncode == 0 and "[warn]" not in checked.stderr, checked.stderr
    with subprocess.Popen(command) as server:
        try:
            _wait_until_open(ports["https"], server)
            yield Proxy(ports["https"], files[0], seen)
        finally:
            server.terminate()
            backend.shutdown()
            backend.server_close()


def _wait_until_open(port: int, server: subprocess.Popen[bytes]) -> None:
    while server.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=20).close()
        except ConnectionRefusedError:
            continue
        return
    raise AssertionError("nginx ended")


def test_only_signed_in_users_reach_the_dashboard(proxy: Proxy, tmp_path: Path) -> None:
    wanted = "/person?user=8a80d86a5565443f01557f053e6719ba&days=30"
    asked = proxy.get(wanted)
    # The sign-in leads back to the page with all its filters.
    assert (asked.status, asked.headers["Location"]) == (302, f"https://login.example.com/?then={wanted}")
    assert proxy.get(wanted, Cookie=REFUSED).status == 403
    # Nobody asks the sign-in by way of the proxy who somebody is.
    assert proxy.get("/oauth2/auth", Cookie=SIGNED_IN).status == 404
    assert proxy.reached() == []
    shown = proxy.get(wanted, Cookie=SIGNED_IN)
    assert (shown.status, proxy.reached()) == (200, [wanted])
    assert shown.headers["Content-Security-Policy"] == "frame-ancestors 'none'"
    stream = {"Upgrade": "websocket", "Connection": "Upgrade", "Origin": "https://audit.example.com"}
    assert proxy.get("/_stcore/stream", **stream).status == 302
    assert proxy.get("/_stcore/stream", Cookie=SIGNED_IN, **stream).status == 101
    _, given = proxy.seen[-1]
    assert (given["host"], given["upgrade"], given["connection"]) == ("audit.example.com", "websocket", "upgrade")
    logged = (tmp_path / "anaplan-audit.log").read_text(encoding="utf-8")
    assert '"GET /person" 200' in logged and "8a80d86a" not in logged


def test_plain_http_leads_to_https(proxy: Proxy, tmp_path: Path) -> None:
    port = int(re.search(r"listen 127\.0\.0\.1:(\d+);", (tmp_path / "nginx.conf").read_text())[1])  # type: ignore[index]
    answer = _answer_of(HTTPConnection("127.0.0.1", port, timeout=20), "/access?days=7", {})
    assert (answer.status, answer.headers["Location"]) == (301, "https://audit.example.com/access?days=7")
    assert proxy.seen == []
