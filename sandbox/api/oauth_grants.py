"""OAuth state without HTTP: clients, refresh tokens (rotating if set), authorization codes, device codes."""

from __future__ import annotations

import secrets
from dataclasses import dataclass

from ..settings import Settings
from ..world.clock import DAY, SECOND, Clock
from .tokens import AUDITOR

DEVICE_CLIENT = "sandbox-device"
WEB_CLIENT = "sandbox-web"
WEB_SECRET = "sandbox-secret"
FIRST_REFRESH_TOKEN = "sandbox-refresh-0"
CODE_GRANT = "authorization_code"
DEVICE_GRANT = "urn:ietf:params:oauth:grant-type:device_code"
CODE_SECONDS = 600
# A refresh token that is not used for this long expires.
IDLE_DAYS = 30


class GrantError(Exception):
    """The `error` of an OAuth answer."""

    def __init__(self, error: str, description: str, status: int = 400) -> None:
        super().__init__(description)
        self.error, self.description, self.status = error, description, status


@dataclass
class DeviceCode:
    device_code: str
    user_code: str
    client_id: str
    expires_at: int
    approved_by: str | None = None
    denied: bool = False
    last_poll: int | None = None
    polls: int = 0


@dataclass(frozen=True)
class AuthorizationCode:
    """Client and address a code was issued to; only the same pair may redeem it."""

    client_id: str
    redirect_uri: str
    expires_at: int


class Grants:
    def __init__(self, settings: Settings, clock: Clock) -> None:
        self.settings, self.clock = settings, clock
        self.clients: dict[str, str | None] = {DEVICE_CLIENT: None, WEB_CLIENT: WEB_SECRET}
        # Live refresh tokens and their accounts. Both clients accept the first one.
        self.refresh_tokens = {FIRST_REFRESH_TOKEN: AUDITOR}
        self._used = {FIRST_REFRESH_TOKEN: clock.now()}
        self.device_codes: dict[str, DeviceCode] = {}
        self.codes: dict[str, AuthorizationCode] = {}
        self._count = 0

    def check_client(self, client_id: str, secret: str | None) -> None:
        if client_id not in self.clients:
            raise GrantError("invalid_client", "Unknown client", 401)
        expected = self.clients[client_id]
        if expected is not None and secret != expected:
            raise GrantError("invalid_client", "Wrong client secret", 401)

    def use_refresh_token(self, value: str) -> tuple[str, str]:
        """Return the account and the refresh token for the next call."""
        email = self.refresh_tokens.get(value)
        if email is None or self.clock.now() - self._used[value] > IDLE_DAYS * DAY:
            raise GrantError("invalid_grant", "Unknown or invalid refresh token.", 403)
        self._used[value] = self.clock.now()
        if not self.settings.rotate_refresh_tokens:
            return email, value
        del self.refresh_tokens[value]
        return email, self.new_refresh_token(email)

    def new_refresh_token(self, email: str) -> str:
        self._count += 1
        value = f"sandbox-refresh-{self._count}-{secrets.token_urlsafe(12)}"
        self.refresh_tokens[value] = email
        self._used[value] = self.clock.now()
        return value

    def start_code(self, client_id: str, redirect_uri: str) -> str:
        """Issue an authorization code for the client's page, which must be a web address."""
        if client_id not in self.clients:
            raise GrantError("invalid_client", "Unknown client", 401)
        if not redirect_uri.startswith(("https://", "http://")):
            raise GrantError("invalid_request", "redirect_uri must be a web address")
        code = secrets.token_urlsafe(24)
        expires_at = self.clock.now() + CODE_SECONDS * SECOND
        self.codes[code] = AuthorizationCode(client_id, redirect_uri, expires_at)
        return code

    def use_code(self, code: str, client_id: str, redirect_uri: str) -> str:
        """Redeem a code, which works once, and return its account."""
        found = self.codes.pop(code, None)
        expected = found and (found.client_id, found.redirect_uri)
        if found is None or expected != (client_id, redirect_uri) or self.clock.now() >= found.expires_at:
            raise GrantError("invalid_grant", "Invalid authorization code", 403)
        return AUDITOR

    def start_device(self, client_id: str) -> DeviceCode:
        text = secrets.token_hex(4).upper()
        code = DeviceCode(
            device_code=secrets.token_urlsafe(24),
            user_code=f"{text[:4]}-{text[4:]}",
            client_id=client_id,
            expires_at=self.clock.now() + CODE_SECONDS * SECOND,
        )
        self.device_codes[code.device_code] = code
        return code

    def approve(self, user_code: str | None = None, email: str = AUDITOR) -> bool:
        """Approve a code as a person does in the browser; by default the newest. Returns whether there was one."""
        for code in reversed(list(self.device_codes.values())):
            if user_code in (None, code.user_code):
                code.approved_by = email
                return True
        return False

    def deny(self, user_code: str | None = None) -> bool:
        """Deny a code as a person does in the browser; by default the newest. Returns whether there was one."""
        for code in reversed(list(self.device_codes.values())):
            if user_code in (None, code.user_code):
                code.denied = True
                return True
        return False

    def poll_device(self, device_code: str, client_id: str) -> str:
        """Return the account that approved the code. Raise GrantError until a user has approved it."""
        code = self.device_codes.get(device_code)
        now = self.clock.now()
        if code is None or code.client_id != client_id:
            raise GrantError("invalid_grant", "Invalid or expired device code.", 403)
        if now >= code.expires_at:
            raise GrantError("expired_token", "The device code has expired.", 403)
        if code.denied:
            raise GrantError("access_denied", "The end-user denied the authorization request.", 403)
        code.polls += 1
        if code.polls == self.settings.device_auto_approve:
            code.approved_by = AUDITOR
        last, code.last_poll = code.last_poll, now
        if code.approved_by:
            del self.device_codes[device_code]
            return code.approved_by
        if last is not None and now - last < self.settings.device_interval * SECOND:
            raise GrantError("slow_down", "You are polling faster than the specified interval.", 429)
        raise GrantError("authorization_pending", "User has yet to authorize device code.", 403)
