"""The HTTP client over real connections: which host gets the token, rate limiting and retries."""

import itertools
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from audit_source import client as client_module
from audit_source.auth.token_auth import TokenAuth
from audit_source.client import Client
from audit_source.errors import BadAnswerError, ConfigurationError, RoleError, SignInError, UnreachableError
from audit_source.rate_limit import RateLimiter
from audit_source.signed_client import SignedClient

Reply = tuple[int, dict[str, str], bytes]
OK: Reply = (200, {"Content-Type": "application/json"}, b"{}")


class Server:
    """Answers each request by a function of its number, and records the requests with their times."""

    def __init__(self, reply: Callable[[int], Reply] = lambda number: OK) -> None:
        self.reply, self.headers, self.paths = reply, [], []
        self._lock = threading.Lock()
        handler = type("Handler", (_Handler,), {"server_under_test": self})
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()

    def take(self, path: str, headers: dict[str, str]) -> Reply:
        with self._lock:
            self.headers.append(headers)
            self.paths.append(path)
            return self.reply(len(self.paths))

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


class _Handler(BaseHTTPRequestHandler):
    server_under_test: Server
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: Any) -> None:
        pass

    def do_GET(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        status, headers, body = self.server_under_test.take(self.path, dict(self.headers))
        self.send_response_only(status)
        for name, value in {"Content-Length": str(len(body)), **headers}.items():
            self.send_header(name, value)
        self._headers_buffer.append(b"\r\n" + body)  # type: ignore[attr-defined]
        self.flush_headers()

    do_POST = do_GET


class Fixed(TokenAuth):
    """Signs requests with the tokens of a list, one after another."""

    def __init__(self, client: Client, *tokens: str, **more: Any) -> None:
        super().__init__(client, **more)
        self.tokens = list(tokens)
        self.made = 0

    def _sign_in(self) -> Any:
        from audit_source.auth.token_auth import Token

        self.made += 1
        return Token(self.tokens.pop(0) if len(self.tokens) > 1 else self.tokens[0], 2100)


@pytest.fixture
def servers() -> Iterator[Callable[..., Server]]:
    made: list[Server] = []

    def make(reply: Callable[[int], Reply] = lambda number: OK) -> Server:
        made.append(Server(reply))
        return made[-1]

    yield make
    for server in made:
        server.close()


class Clock:
    """A clock that advances only in `sleep`."""

    def __init__(self) -> None:
        self.now, self._lock = 1000.0, threading.Lock()

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        with self._lock:
            self.now += seconds


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(client_module, "RateLimiter", lambda rate: RateLimiter(rate, clock, clock.sleep))
    monkeypatch.setattr("tenacity.nap.time.sleep", lambda seconds: None)
    return clock


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirects_are_not_followed_so_no_other_host_gets_the_token(servers: Any, status: int) -> None:
    other = servers()
    # Another name of the same machine counts as another host.
    target = other.url.replace("127.0.0.1", "localhost")
    server = servers(lambda number: (status, {"Location": f"{target}/audit/api/1/events"}, b""))
    client = Client(1, 1000, 300)
    signed = SignedClient(client, Fixed(client, "secret-token"))

    with pytest.raises(UnreachableError, match=r"a redirect .* which is not followed") as raised:
        signed.get(f"{server.url}/events", {})

    assert other.paths == []
    assert len(server.paths) == 1, "a redirect is not a transient fault, so it is not retried"
    assert target not in str(raised.value)


def test_addresses_in_responses_are_not_followed(servers: Any) -> None:
    """`nextUrl` and `validationUrl` are never requested."""
    from tests.support.memory import Memory, run_over_http

    other = servers()
    page = b'{"meta":{"paging":{"totalSize":0,"nextUrl":"%s/x"}},"response":[],"users":[],"workspaces":[],"models":[]}'
    token = b'{"meta":{"validationUrl":"%s/v"},"tokenInfo":{"tokenValue":"t"}}'
    server = servers()
    server.reply = lambda number: (
        (201, {}, token % other.url.encode()) if number == 1 else (200, {}, page % other.url.encode())
    )
    run, error = run_over_http(Memory(history_days=1), server.url)

    assert error is None and run is not None and not run.problems
    assert other.paths == []


def test_answer_429_slows_every_thread(servers: Any, clock: Clock) -> None:
    server = servers(lambda number: (429, {"Retry-After": "30"}, b"") if number == 1 else OK)
    client = Client(4, 1000, 300)
    client.fetch("GET", server.url)

    # The thread that got the 429 has waited, and so has a thread that did not get one.
    assert clock.now >= 1030
    assert len(server.paths) == 2
    limiter = client._limiter
    limiter.pause(30)
    before = clock.now
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: client.fetch("GET", server.url), range(4)))
    assert clock.now >= before + 30


@pytest.mark.parametrize(
    ("header", "least", "most"),
    [
        (lambda: {"Retry-After": "7"}, 7, 7 * 1.25),
        (lambda: {"Retry-After": "0.5"}, 0.5, 0.7),
        (dict, 10, 12.5),
        (lambda: {"Retry-After": "soon"}, 10, 12.5),
        (lambda: {"Retry-After": "-5"}, 0, 0),
        (lambda: {"Retry-After": "86400"}, 120, 150),
        # A date counts by the server's clock, which may differ from this machine's by minutes.
        (lambda: {"Date": formatdate(5_000, usegmt=True), "Retry-After": formatdate(5_040, usegmt=True)}, 40, 50),
        (lambda: {"Retry-After": formatdate(time.time() + 40, usegmt=True)}, 35, 51),
        (lambda: {"Retry-After": formatdate(time.time() - 40, usegmt=True)}, 0, 0),
    ],
)
def test_pause_after_429_obeys_retry_after(
    servers: Any, clock: Clock, monkeypatch: pytest.MonkeyPatch, header: Any, least: float, most: float
) -> None:
    monkeypatch.setenv("RUNTIME__REQUEST_BACKOFF_FACTOR", "1")
    server = servers(lambda number: (429, header(), b"") if number == 1 else OK)
    Client(1, 1000, 300).fetch("GET", server.url)

    assert 1000 + least <= clock.now <= 1000 + most


def test_retries_count_against_the_rate_limit(servers: Any, clock: Clock) -> None:
    """At six per minute, thirty requests take more than four minutes, whatever the parallelism."""
    server = servers(lambda number: (500, {}, b"") if number % 3 else OK)
    client = Client(8, 6, 300)
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: _quietly(client, server.url), range(10)))

    assert len(server.paths) > 20
    assert clock.now - 1000 >= (len(server.paths) - 1) // 6 * 60


def _quietly(client: Client, url: str) -> None:
    with suppress(UnreachableError):
        client.fetch("GET", url)


@pytest.mark.parametrize(
    ("reply", "tries", "says"),
    [
        ((500, {}, b""), 5, "HTTP 500 after every try"),
        ((503, {}, b"<html>"), 5, "HTTP 503 after every try"),
        ((429, {"Retry-After": "1"}, b""), 5, "HTTP 429 after every try"),
        ((200, {"Content-Type": "text/html; charset=utf-8"}, b"<html>"), 5, "an HTML page instead of JSON"),
        ((200, {"Content-Type": "application/json"}, b'{"a": [1,'), 5, "a damaged body"),
        ((200, {"Content-Type": "application/json", "Content-Length": "99", "Connection": "close"}, b"{"), 5, "broke off"),
        ((200, {"Content-Encoding": "gzip", "Content-Length": "2"}, b"{}"), 5, "the connection failed"),
    ],
)  # fmt: skip
def test_transient_faults_are_retried_and_reported_after_five_attempts(
    servers: Any, clock: Clock, reply: Reply, tries: int, says: str
) -> None:
    server = servers(lambda number: reply)
    with pytest.raises(UnreachableError, match=says):
        Client(1, 1000, 300).fetch("GET", server.url)
    assert len(server.paths) == tries


@pytest.mark.parametrize("status", [400, 401, 403, 404, 410])
def test_permanent_errors_are_not_retried(servers: Any, status: int) -> None:
    server = servers(lambda number: (status, {}, b"{}"))
    assert Client(1, 1000, 300).fetch("GET", server.url).status_code == status
    assert len(server.paths) == 1


def test_back_off_grows_with_jitter(servers: Any, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RUNTIME__REQUEST_BACKOFF_FACTOR", "1")
    slept: list[float] = []
    monkeypatch.setattr("tenacity.nap.time.sleep", slept.append)
    server = servers(lambda number: (500, {}, b""))
    for _ in range(2):
        with pytest.raises(UnreachableError):
            Client(1, 1000, 300).fetch("GET", server.url)

    assert len(slept) == 8 and len(set(slept)) == 8
    for number, seconds in enumerate(slept[:4]):
        assert 2**number <= seconds <= 2**number + 1


ROLE = b'{"status": "FAILURE_UNAUTHORIZED_USER_ACTION"}'


def test_expired_token_is_renewed_but_a_missing_role_is_not(servers: Any) -> None:
    client = Client(1, 1000, 300)
    auth = Fixed(client, "old", "new")
    server = servers()
    server.reply = lambda number: (
        OK if server.headers[-1]["Authorization"] == "AnaplanAuthToken new" else (401, {}, b"{}")
    )
    assert SignedClient(client, auth).get(server.url, {}).status_code == 200
    assert (auth.made, len(server.paths)) == (2, 2)

    always = servers(lambda number: (401, {}, b'{"status": "FAILURE_BAD_CREDENTIAL"}'))
    with pytest.raises(SignInError, match="also with 3 new tokens"):
        SignedClient(client, auth).get(always.url, {})
    assert (auth.made, len(always.paths)) == (5, 4)

    role = servers(lambda number: (401, {}, ROLE))
    with pytest.raises(RoleError, match="Tenant Auditor"):
        SignedClient(client, auth).get(role.url, {})
    assert (auth.made, len(role.paths)) == (5, 1)

    with pytest.raises(BadAnswerError, match="HTTP 400"):
        SignedClient(client, auth).get(servers(lambda number: (400, {}, b"{}")).url, {})


def test_back_off_grows_while_new_tokens_are_rejected(
    servers: Any, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The service that checks a token may learn of it later than the service that issues it."""
    monkeypatch.setenv("RUNTIME__REQUEST_BACKOFF_FACTOR", "1")
    moments: list[float] = []

    def reply(number: int) -> Reply:
        moments.append(clock.now)
        return OK if number == 4 else (401, {}, b'{"status": "FAILURE_INVALID_TOKEN"}')

    client = Client(1, 1000, 300)
    auth = Fixed(client, "old", "new", "newer", "newest")
    server = servers(reply)
    assert SignedClient(client, auth).get(server.url, {}).status_code == 200
    assert [headers["Authorization"].split()[1] for headers in server.headers] == ["old", "new", "newer", "newest"]
    # No wait after the first one, whose token may just have expired.
    first, second, third = (after - before for before, after in itertools.pairwise(moments))
    assert first == 0 and 2 <= second <= 2.5 and 4 <= third <= 5


def test_threads_renew_an_expired_token_once(servers: Any) -> None:
    client = Client(8, 1000, 300)
    auth = Fixed(client, "old", "new")
    server = servers()
    met = threading.Barrier(8)

    def reply(number: int) -> Reply:
        return OK if server.headers[-1]["Authorization"] == "AnaplanAuthToken new" else (401, {}, b"{}")

    server.reply = reply
    original = client.fetch

    def together(*args: Any, **kwargs: Any) -> Any:
        response = original(*args, **kwargs)
        if response.status_code == 401:
            met.wait(10)
        return response

    client.fetch = together  # type: ignore[method-assign]
    signed = SignedClient(client, auth)
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: signed.get(server.url, {}).status_code, range(8)))
    assert answers == [200] * 8
    assert auth.made == 2


@pytest.mark.parametrize("ahead_seconds", [600, -600])
def test_now_follows_the_servers_clock(servers: Any, ahead_seconds: int) -> None:
    """Windows end by Anaplan's clock, whether this machine's clock is fast or slow."""
    server = servers(lambda number: (200, {"Date": formatdate(time.time() - ahead_seconds, usegmt=True)}, b"{}"))
    client = Client(1, 1000, 300)
    client.fetch("GET", server.url)

    expected = (time.time() - ahead_seconds) * 1000
    assert abs(client.now_ms() - expected) < 3000


def test_implausible_server_clock_is_ignored(servers: Any) -> None:
    for date in (formatdate(0, usegmt=True), "no date"):
        client = Client(1, 1000, 300)
        client.fetch("GET", servers(lambda number, date=date: (200, {"Date": date}, b"{}")).url)
        assert abs(client.now_ms() - time.time() * 1000) < 3000


@pytest.mark.parametrize("variable", ["REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE"])
@pytest.mark.parametrize("value", ["", "false", "0"])
def test_environment_cannot_disable_certificate_verification(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str
) -> None:
    import http.server
    import ssl

    from sandbox.api.certificates import make_key_pair

    monkeypatch.setenv(variable, value)
    monkeypatch.setenv("RUNTIME__REQUEST_MAX_ATTEMPTS", "1")
    with (
        _tls_server(make_key_pair("localhost"), http.server, ssl) as url,
        pytest.raises((UnreachableError, ConfigurationError), match="TLS"),
    ):
        Client(1, 1000, 300).fetch("GET", url)


def _tls_server(pair: Any, http_server: Any, ssl: Any) -> Any:
    import contextlib
    import tempfile
    from pathlib import Path

    @contextlib.contextmanager
    def serving() -> Iterator[str]:
        with tempfile.TemporaryDirectory() as folder:
            for name, pem in (("c", pair.certificate), ("k", pair.private_key)):
                (Path(folder) / name).write_text(pem.decode() if isinstance(pem, bytes) else pem)
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(Path(folder) / "c", Path(folder) / "k")
        handler = type("Handler", (_Handler,), {"server_under_test": Server()})
        server = http_server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
        server.handle_error = lambda *_: None
        server.socket = context.wrap_socket(server.socket, server_side=True)
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        try:
            yield f"https://localhost:{server.server_port}"
        finally:
            server.shutdown()
            server.server_close()
            handler.server_under_test.close()

    return serving()


def test_netrc_passwords_are_ignored(servers: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login me password hunter2\n")
    (tmp_path / "netrc").chmod(0o600)
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    server = servers()
    Client(1, 1000, 300).fetch("POST", server.url)
    assert "Authorization" not in server.headers[0]
