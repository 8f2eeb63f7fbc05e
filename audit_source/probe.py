"""Finds out what the configured account can see, with one small request for each kind of data. Loads nothing."""

from typing import Any, NamedTuple

from .auth.credentials import MODES, choose_credentials
from .directory.entitlements import count_scim_users
from .directory.integrations import fetch_integrations
from .directory.lists import count_list
from .directory.paged_lists import Budget, get_json
from .errors import AuditSourceError, BadAnswerError, RoleError
from .events.decode import decode_page
from .events.spans import DAY_MS, MINUTE_MS
from .records import NewColumns, decode_lenient
from .session import make_signed_client
from .settings import Hosts, resolve_settings
from .signed_client import SignedClient

# The longest span that the audit API accepts.
COUNTED_DAYS = 30
# So many models show whether the account may enter models.
TRIED_MODELS = 3


class Session(NamedTuple):
    """A client that signs in at its first request, the addresses to use, and the way to sign in."""

    client: SignedClient
    hosts: Hosts
    mode: str
    cloudworks_urls: list[str]

    def close(self) -> None:
        """Sign out."""
        self.client.close()


def open_session() -> Session:
    """Return a session with the configuration of the source.

    Raises:
        ConfigurationError: A setting or credential is missing, unknown or contradictory. No request was sent.
    """
    settings = resolve_settings()
    chosen = choose_credentials(settings.credentials, settings.auth, settings.token_store)
    mode = next(mode for mode, spec in MODES.items() if isinstance(chosen, spec))
    urls = settings.cloudworks_urls if settings.cloudworks else []
    return Session(make_signed_client(settings), settings.hosts, mode, urls)


def account_name(session: Session) -> str | None:
    """Return name and e-mail address of the account, or None if Anaplan does not return them."""
    url = f"{session.hosts.api}/2/0/users/me"
    try:
        answer = decode_lenient(session.client.get(url, {}).content, f"GET {url}")
    except AuditSourceError:
        return None
    user: Any = answer.get("user") if isinstance(answer, dict) else None
    if not isinstance(user, dict):
        return None
    parts = [user.get("firstName"), user.get("lastName"), user.get("email")]
    return " ".join(str(part) for part in parts if part) or None


def count_events(session: Session) -> int | None:
    """Return how many events Anaplan holds of the last 30 days, or None if it does not report a total.

    Raises:
        RoleError: The account lacks the Tenant Auditor role.
        AuditSourceError: Anaplan did not answer, or refused.
    """
    url = f"{session.hosts.audit}/audit/api/1/events"
    # Anaplan's clock, since this machine's may be wrong.
    now = session.client.client.now_ms()
    start = now - COUNTED_DAYS * DAY_MS + MINUTE_MS
    params: dict[str, Any] = {"type": "all", "dateFrom": start, "dateTo": now, "limit": 1, "offset": 0}
    content = session.client.get(url, params).content
    return decode_page(content, start, f"GET {url}", NewColumns()).total


def count_records(session: Session, name: str) -> int | None:
    """Return how many `users`, `workspaces` or `models` the account sees, or None if Anaplan reports no total.

    Raises:
        AuditSourceError: Anaplan did not answer, or refused.
    """
    return count_list(session.client, session.hosts.api, name)


def count_integrations(session: Session) -> int:
    """Return how many integrations CloudWorks lists.

    Raises:
        RoleError: The account lacks the role Restricted Integration User.
        AuditSourceError: Anaplan did not answer, or refused.
    """
    return len(fetch_integrations(session.client, session.cloudworks_urls).records)


def count_entitled_users(session: Session) -> int | None:
    """Return how many users SCIM reports, or None if it reports no total.

    Raises:
        RoleError: The account lacks the role User Administrator.
        AuditSourceError: Anaplan did not answer, or refused.
    """
    return count_scim_users(session.client, session.hosts.api)


def count_open_models(session: Session) -> tuple[int, int]:
    """Try the first models of the list; return how many the account may enter, and how many were tried.

    Raises:
        AuditSourceError: Anaplan did not answer.
    """
    url = f"{session.hosts.api}/2/0/models"
    listed = get_json(session.client, url, {"modelDetails": "true", "limit": 100, "offset": 0}, Budget())
    models = [one for one in listed.get("models") or [] if one.get("id") and one.get("activeState") != "ARCHIVED"]
    tried = models[:TRIED_MODELS]
    return sum(_may_enter(session, f"{url}/{model['id']}/processes") for model in tried), len(tried)


def _may_enter(session: Session, url: str) -> bool:
    try:
        get_json(session.client, url, {"limit": 1, "offset": 0}, Budget())
    except (BadAnswerError, RoleError):
        return False
    return True
