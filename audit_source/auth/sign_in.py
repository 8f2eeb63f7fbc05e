"""Chooses the signer for the configured credentials."""

from ..client import Client
from ..settings import Hosts
from .certificate_auth import CertificateAuth
from .credentials import AnaplanCredentials, CertificateCredentials, OAuthCredentials, PasswordCredentials
from .oauth_auth import OAuthAuth
from .session_auth import PasswordAuth
from .token_auth import StaticAuth, TokenAuth
from .token_store import TokenStore


def make_auth(client: Client, hosts: Hosts, credentials: AnaplanCredentials, token_store: str | None) -> TokenAuth:
    """Return the signer for credentials.

    Args:
        client (Client): Sends the requests of the sign-in.
        hosts (Hosts): Addresses of the services.
        credentials (AnaplanCredentials): How to sign in.
        token_store (str): File of the OAuth refresh token. None is the default one.

    Raises:
        ConfigurationError: A certificate, key or token file cannot be read.
    """
    if isinstance(credentials, PasswordCredentials):
        return PasswordAuth(client, hosts.auth, credentials)
    if isinstance(credentials, CertificateCredentials):
        return CertificateAuth(client, hosts.auth, credentials)
    if isinstance(credentials, OAuthCredentials):
        return OAuthAuth(client, hosts.oauth, credentials, TokenStore(token_store))
    return StaticAuth(client, credentials)
