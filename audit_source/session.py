"""Opens the session of a run: one client for all requests, signed for the configured account."""

from .auth.credentials import choose_credentials
from .auth.sign_in import make_auth
from .client import Client
from .settings import AuditSettings
from .signed_client import SignedClient


def make_signed_client(settings: AuditSettings) -> SignedClient:
    """Return a client for the configured account. It signs in at its first request.

    Raises:
        ConfigurationError: A setting or credential is missing, unknown or contradictory.
    """
    chosen = choose_credentials(settings.credentials, settings.auth, settings.token_store)
    client = Client(settings.parallel_requests, settings.requests_per_minute, settings.request_deadline_seconds)
    return SignedClient(client, make_auth(client, settings.hosts, chosen, settings.token_store))
