"""Accounts and live tokens. The HTTP endpoints are in `auth` and `oauth`."""

from __future__ import annotations

import base64
import secrets
import uuid
from dataclasses import dataclass, field

from ..settings import Settings
from ..world.clock import Clock

AUDITOR = "auditor@example.com"
NO_ROLE = "norole@example.com"
PASSWORD = "sandbox"
RIGHTS = ("auditor", "cloudworks", "user_administrator", "workspaces", "models")
# Accounts that lack one right each.
WITHOUT = {f"no-{right.replace('_', '-')}@example.com": right for right in RIGHTS[1:]}


@dataclass
class Account:
    email: str
    password: str
    auditor: bool
    # Other rights: CloudWorks, SCIM, being assigned to any workspace, more than NO ACCESS in any model.
    cloudworks: bool = True
    user_administrator: bool = True
    workspaces: bool = True
    models: bool = True

    def set(self, **rights: bool) -> None:
        """Give rights or take them, with effect on live tokens."""
        unknown = rights.keys() - set(RIGHTS)
        if unknown:
            raise ValueError(f"unknown right {', '.join(sorted(unknown))}; known: {', '.join(RIGHTS)}")
        for name, value in rights.items():
            setattr(self, name, bool(value))


@dataclass
class Token:
    value: str
    account: Account
    expires_at: int
    token_id: str = field(default_factory=lambda: str(uuid.uuid4()))
    refresh_id: str = field(default_factory=lambda: str(uuid.uuid4()))


class Tokens:
    """Live tokens of the tenant, by value."""

    def __init__(self, settings: Settings, clock: Clock) -> None:
        self.settings, self.clock = settings, clock
        accounts = [Account(AUDITOR, PASSWORD, True), Account(NO_ROLE, PASSWORD, False, False, False)]
        for email, right in WITHOUT.items():
            account = Account(email, PASSWORD, True)
            account.set(**{right: False})
            accounts.append(account)
        self.accounts = {account.email: account for account in accounts}
        self._alive: dict[str, Token] = {}

    def issue(self, email: str = AUDITOR) -> Token:
        # Like Anaplan's tokens, the value contains characters (+ / =) that a URL or a shell would change.
        value = base64.b64encode(secrets.token_bytes(61) + b"\xfb\xff").decode()
        token = Token(value, self.accounts[email], self._expiry())
        self._alive[value] = token
        return token

    def find(self, value: str) -> Token | None:
        """Return the token if it is live."""
        token = self._alive.get(value)
        return token if token and token.expires_at > self.clock.now() else None

    def extend(self, token: Token) -> None:
        """Extend the expiry; the value stays the same."""
        token.expires_at = max(self._expiry(), token.expires_at + 1)

    def drop(self, token: Token) -> None:
        self._alive.pop(token.value, None)

    def expire_all(self) -> int:
        """Expire every token. Returns how many there were."""
        count = len(self._alive)
        self._alive.clear()
        return count

    def _expiry(self) -> int:
        return self.clock.now() + int(self.settings.token_seconds * 1_000)
