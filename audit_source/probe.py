"""Finds out what the configured account can see, with a few small requests for each kind of data. Loads nothing."""

from typing import Any, NamedTuple

from .auth.credentials import MODES, choose_credentials
from .directory.entitlements import count_scim_users
from .directory.history_exports import HistoryExports
from .directory.integrations import fetch_integrations
from .directory.lists import count_list
from .directory.model_contents import MOST_UNREACHABLE
from .directory.paged_lists import Budget, get_json
from .errors import AuditSourceError, UnreachableError, is_no_access, is_token_refused
from .events.decode import decode_page
from .events.spans import DAY_MS, MINUTE_MS
from .records import NewColumns, decode_lenient
from .session import make_signed_client
from .settings import Hosts, resolve_settings
from .signed_client import SignedClient

# The longest span that the audit API accepts.
COUNTED_DAYS = 30
# Number of models to try, with one request each: they show whether the account may enter models, and whether these
# export their history.
TRIED_MODELS = 10


class Session(NamedTuple):
    """A client that signs in at its first request, the addresses to use, and the way to sign in."""

    client: SignedClient
    hosts: Hosts
    mode: str
    cloudworks_urls: list[str]
    exports: HistoryExports

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
    client = make_signed_client(settings)
    exports = HistoryExports(client, settings.hosts.api, settings.model_history_export, settings.model_history_timeout)
    return Session(client, settings.hosts, mode, urls, exports)


class TriedModels(NamedTuple):
    """What came of the models that were tried.

    Attributes:
        tried (int): Number of models.
        entered (int): Those that the account may enter.
        exporting (int): Those of them that have a history export.
        failures (List[AuditSourceError]): Why others could not be read, although the account may enter them.
    """

    tried: int
    entered: int
    exporting: int
    failures: list[AuditSourceError]


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


def try_models(session: Session) -> TriedModels:
    """Ask the first models of the list for their exports.

    Raises:
        UnreachableError: Several models in a row had no answer.
        SignInError: The token was refused.
        AuditSourceError: The list of models could not be read.
    """
    url = f"{session.hosts.api}/2/0/models"
    listed = get_json(session.client, url, {"modelDetails": "true", "limit": 100, "offset": 0}, Budget())
    models = [one for one in listed.get("models") or [] if one.get("id") and one.get("activeState") != "ARCHIVED"]
    tried = models[:TRIED_MODELS]
    entered = exporting = unreachable = 0
    failures: list[AuditSourceError] = []
    for model in tried:
        try:
            exporting += session.exports.of_model(model) is not None
            entered += 1
            unreachable = 0
        except AuditSourceError as error:
            unreachable = unreachable + 1 if isinstance(error, UnreachableError) else 0
            if unreachable == MOST_UNREACHABLE or is_token_refused(error):
                raise
            if not is_no_access(error):
                failures.append(error)
    return TriedModels(len(tried), entered, exporting, failures)
