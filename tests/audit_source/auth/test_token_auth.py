"""The token is renewed before it expires, once for all threads, and ended with the run that created it."""

import json
import time
from concurrent.futures import ThreadPoolExecutor
from email.utils import formatdate
from typing import Any

import pytest

from audit_source.auth.credentials import OAuthCredentials, TokenCredentials
from audit_source.auth.oauth_auth import OAuthAuth
from audit_source.auth.session_auth import PasswordAuth
from audit_source.auth.token_auth import StaticAuth
from audit_source.auth.token_store import TokenStore
from audit_source.client import Client
from audit_source.errors import SignInError, UnreachableError
from tests.support.memory import by_password


class Answer:
    def __init__(self, status_code: int, body: Any = None, **headers: str) -> None:
        self.status_code, self._body, self.headers = status_code, body, headers

    @property
    def is_redirect(self) -> bool:
        return False

    def json(self) -> Any:
        if self._body is None:
            raise ValueError
        return self._body


class Service:
    """Replaces the client: answers sign-ins with tokens of 35 minutes, by its own clock."""

    def __init__(self) -> None:
        self.requests: list[tuple[str, str]] = []
        self.refuses_refresh = False
        self.lifetime = 2100
        # Minutes away from this machine's clock: only the difference of the two times may count.
        self.offset = -900
        self.tries = 0
        self.clock_offset_seconds = 0.0

    def fetch(self, method: str, url: str, headers: Any = None, **more: Any) -> Answer:
        step = url.rsplit("/", 1)[-1]
        self.requests.append((step, (headers or {}).get("Authorization", "")))
        now = time.time() + self.offset
        if step == "logout" or (step == "refresh" and self.refuses_refresh):
            return Answer(204 if step == "logout" else 401)
        # Long enough for every thread to reach this point.
        time.sleep(0.01)
        number = sum(1 for step, _ in self.requests if step == "authenticate")
        body = {"tokenInfo": {"tokenValue": f"token-{number}", "expiresAt": (int(now) + self.lifetime) * 1000}}
        if step == "token":
            body = {"access_token": f"access-{len(self.requests)}", "expires_in": self.lifetime}
        return Answer(201, body, Date=formatdate(now, usegmt=True)) if step != "token" else Answer(200, body)

    @property
    def steps(self) -> list[str]:
        return [step for step, _ in self.requests]


@pytest.fixture
def clock() -> list[float]:
    return [0.0]


def signed_in(service: Service, clock: list[float]) -> PasswordAuth:
    return PasswordAuth(service, "http://auth", by_password(), clock=lambda: clock[0])  # type: ignore[arg-type]


def by_eight_threads(auth: Any) -> set[str]:
    with ThreadPoolExecutor(8) as pool:
        return set(pool.map(lambda _: auth.token(), range(24)))


def test_token_is_renewed_before_expiry_once_for_all_threads(clock: list[float]) -> None:
    service = Service()
    auth = signed_in(service, clock)
    assert by_eight_threads(auth) == {"token-1"}
    assert service.steps == ["authenticate"]
    clock[0] = 29 * 60
    assert by_eight_threads(auth) == {"token-1"}
    assert service.steps == ["authenticate"]
    # Five minutes remain: more than any request takes with its retries.
    clock[0] = 30.1 * 60
    assert by_eight_threads(auth) == {"token-1"}
    assert service.requests[1:] == [("refresh", "AnaplanAuthToken token-1")]
    clock[0] += 29 * 60
    by_eight_threads(auth)
    assert len(service.requests) == 2
    clock[0] += 2 * 60
    by_eight_threads(auth)
    assert service.steps[2:] == ["refresh"]


def test_failed_refresh_signs_in_again(clock: list[float]) -> None:
    service = Service()
    auth = signed_in(service, clock)
    auth.token()
    service.refuses_refresh = True
    clock[0] = 2000
    assert by_eight_threads(auth) == {"token-2"}
    assert service.steps == ["authenticate", "refresh", "authenticate"]


def test_short_lived_token_is_renewed_at_half_its_lifetime(clock: list[float]) -> None:
    service = Service()
    service.lifetime = 60
    auth = signed_in(service, clock)
    auth.token()
    clock[0] = 29.0
    auth.token()
    assert service.steps == ["authenticate"]
    clock[0] = 31.0
    auth.token()
    assert service.steps == ["authenticate", "refresh"]


@pytest.mark.parametrize("lifetime", [-5000, 0, 10**7])
def test_implausible_expiry_counts_as_35_minutes(clock: list[float], lifetime: int) -> None:
    service = Service()
    service.lifetime = lifetime
    auth = signed_in(service, clock)
    auth.token()
    clock[0] = 29 * 60
    auth.token()
    assert len(service.requests) == 1
    clock[0] = 31 * 60
    auth.token()
    assert len(service.requests) == 2


def test_rejected_token_is_replaced_once(clock: list[float]) -> None:
    service = Service()
    auth = signed_in(service, clock)
    refused = auth.token()
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: auth.renew(refused), range(8)))
    assert service.steps == ["authenticate", "authenticate"]
    assert auth.token() == "token-2"


def test_sign_out_ends_own_sessions_once_but_no_supplied_token(clock: list[float]) -> None:
    service = Service()
    auth = signed_in(service, clock)
    auth.close()
    assert service.steps == []
    auth.token()
    auth.close()
    auth.close()
    assert service.requests[1:] == [("logout", "AnaplanAuthToken token-1")]

    given = TokenCredentials()
    given.access_token = "made elsewhere"
    static = StaticAuth(Client(1, 10, 300), given)
    assert static.token() == "made elsewhere"
    with pytest.raises(SignInError, match="is invalid or has expired"):
        static.renew("made elsewhere")
    static.close()


def test_oauth_token_is_renewed_according_to_expires_in(clock: list[float], tmp_path: Any) -> None:
    service = Service()
    credentials = OAuthCredentials()
    credentials.client_id, credentials.refresh_token = "client", "refresh-0"
    store = TokenStore(str(tmp_path / "token.json"))
    auth = OAuthAuth(service, "http://oauth", credentials, store, clock=lambda: clock[0])  # type: ignore[arg-type]
    assert by_eight_threads(auth) == {"access-1"}
    clock[0] = 31 * 60
    assert by_eight_threads(auth) == {"access-2"}
    assert service.steps == ["token", "token"]
    auth.close()
    assert service.steps == ["token", "token"], "an OAuth access token ends by itself"


@pytest.mark.parametrize("answer", [[], {"tokenInfo": "x"}, {"tokenInfo": {"tokenValue": 5}}, None])
def test_sign_in_response_without_a_token_is_an_error(clock: list[float], answer: Any) -> None:
    class Odd(Service):
        def fetch(self, *_: Any, **__: Any) -> Answer:  # type: ignore[override]
            return Answer(201, json.loads(json.dumps(answer)))

    with pytest.raises(SignInError, match="authenticate"):
        signed_in(Odd(), clock).token()


class LosesAnswers(Service):
    """Accepts a refresh token once, and loses the response that contains the next one."""

    def fetch(self, method: str, url: str, headers: Any = None, **more: Any) -> Answer:
        self.tries += 1
        if self.tries == 1:
            raise UnreachableError(f"{method} {url}", "the answer broke off", "Run again.")
        return Answer(400, {"error": "invalid_grant"})


def test_next_sign_in_reports_a_lost_refresh_response(tmp_path: Any) -> None:
    service = LosesAnswers()
    credentials = OAuthCredentials()
    credentials.client_id, credentials.refresh_token = "client", "refresh-0"
    path = str(tmp_path / "token.json")
    with pytest.raises(UnreachableError):
        OAuthAuth(service, "http://oauth", credentials, TokenStore(path)).token()  # type: ignore[arg-type]
    with pytest.raises(
        SignInError, match=r"was used before, and the answer .* was lost\. Configure a new refresh token"
    ):
        OAuthAuth(service, "http://oauth", credentials, TokenStore(path)).token()  # type: ignore[arg-type]
    # Reported once: Anaplan has answered since then.
    with pytest.raises(SignInError, match=r"HTTP 400 invalid_grant\. Configure a new refresh token"):
        OAuthAuth(service, "http://oauth", credentials, TokenStore(path)).token()  # type: ignore[arg-type]


def test_gateway_error_is_not_reported_as_wrong_credentials(clock: list[float]) -> None:
    class Gateway(Service):
        def fetch(self, *_: Any, **__: Any) -> Answer:  # type: ignore[override]
            return Answer(403)

    with pytest.raises(UnreachableError, match="gateway refused the request, not a missing role"):
        signed_in(Gateway(), clock).token()


def test_password_with_line_break_is_sent_unchanged_and_reported_on_rejection(clock: list[float]) -> None:
    class Refuses(Service):
        def fetch(self, *_: Any, **more: Any) -> Answer:  # type: ignore[override]
            assert more["auth"].password == b"secret\n"
            return Answer(401, {"status": "FAILURE_BAD_CREDENTIAL"})

    auth = PasswordAuth(Refuses(), "http://auth", by_password(password="secret\n"))  # type: ignore[arg-type]
    with pytest.raises(
        SignInError,
        match=r"password begins or ends with a space or line break.*If the credentials are right.*IP allow list",
    ):
        auth.token()
