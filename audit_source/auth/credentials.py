"""The ways to sign in to Anaplan: one dlt credentials class each, configured in `sources.audit_source.credentials`."""

from typing import Any, Union

import dlt
from dlt.common.configuration import configspec
from dlt.common.configuration.specs import CredentialsConfiguration
from dlt.common.typing import TSecretStrValue

from ..errors import ConfigurationError, MissingRefreshTokenError
from .token_store import TokenStore

SECTION = "sources.audit_source.credentials"


@configspec
class PasswordCredentials(CredentialsConfiguration):
    """E-mail address and password of an Anaplan account."""

    email: str = None  # type: ignore[assignment]
    password: TSecretStrValue = None  # type: ignore[assignment]


@configspec
class CertificateCredentials(CredentialsConfiguration):
    """A CA certificate registered with Anaplan and its private key, each a path or the PEM text."""

    certificate: str = None  # type: ignore[assignment]
    private_key: TSecretStrValue = None  # type: ignore[assignment]
    private_key_password: TSecretStrValue | None = None


@configspec
class OAuthCredentials(CredentialsConfiguration):
    """An OAuth client and a refresh token. Clients for the authorization code also have a secret."""

    client_id: str = None  # type: ignore[assignment]
    refresh_token: TSecretStrValue = None  # type: ignore[assignment]
    client_secret: TSecretStrValue | None = None


@configspec
class TokenCredentials(CredentialsConfiguration):
    """An access token from elsewhere: valid for 35 minutes, never renewed."""

    access_token: TSecretStrValue = None  # type: ignore[assignment]


AnaplanCredentials = Union[PasswordCredentials, CertificateCredentials, OAuthCredentials, TokenCredentials]

MODES: dict[str, type[CredentialsConfiguration]] = {
    "password": PasswordCredentials,
    "certificate": CertificateCredentials,
    "oauth": OAuthCredentials,
    "token": TokenCredentials,
}
# A file or variable made by `echo` ends with a line break, so values are stripped. A password may begin with a space.
_NEVER_STRIPPED = ("password", "private_key_password")
REQUIRED: dict[str, list[str]] = {
    "password": ["email", "password"],
    "certificate": ["certificate", "private_key"],
    "oauth": ["client_id", "refresh_token"],
    "token": ["access_token"],
}


def choose_credentials(
    given: AnaplanCredentials | None, auth: str | None, token_store: str | None = None
) -> AnaplanCredentials:
    """Return the credentials to use: those that `auth` names, else the only complete ones.

    Spaces and line breaks around tokens, keys and addresses are removed.

    Args:
        given (AnaplanCredentials): What the caller passed or dlt resolved. None if nothing is complete.
        auth (str): One of `MODES`, for a configuration with more than one complete way to sign in.
        token_store (str): File of the OAuth refresh token. None is the default one.

    Raises:
        ConfigurationError: No way is complete, several are and `auth` is not set, or a value is a placeholder.
    """
    chosen = _choose(given, auth, token_store)
    for name in chosen.get_resolvable_fields():
        value = getattr(chosen, name)
        if isinstance(value, str):
            setattr(chosen, name, _as_sent(name, value))
        refuse_placeholder(name, getattr(chosen, name))
    return chosen


def refuse_placeholder(name: str, value: Any) -> None:
    """Refuse a placeholder of secrets.toml.example. Sending it would fail, and might lock the account.

    Raises:
        ConfigurationError: The value of the setting is `...`.
    """
    if isinstance(value, str) and value.strip() in ("...", "\u2026"):
        raise ConfigurationError(
            f"setting `{name}`",
            f"`{value.strip()}` is the placeholder of .dlt/secrets.toml.example",
            "Put the real value into .dlt/secrets.toml.",
        )


def _choose(given: AnaplanCredentials | None, auth: str | None, token_store: str | None) -> AnaplanCredentials:
    if auth and auth not in MODES:
        raise ConfigurationError(
            "setting `auth`", f"`{auth}` is not a way to sign in", f"Use one of {' '.join(MODES)}."
        )
    found = {mode: _configured_fields(spec) for mode, spec in MODES.items()}
    complete = list(configured_credentials(token_store))
    if given is not None and not all(getattr(given, name) for name in _required_of(given)):
        # dlt accepts an empty password.
        given = None
    if auth:
        if isinstance(given, MODES[auth]):
            return given
        if auth not in complete:
            raise _missing(auth, found[auth])
        return MODES[auth](**found[auth])  # type: ignore[return-value]
    if given is not None and not (len(complete) > 1 and isinstance(given, MODES[complete[0]])):
        return given
    if len(complete) > 1:
        raise ConfigurationError(
            "credentials", f"{' and '.join(complete)} are both complete", "Set `auth` to the one to use."
        )
    if len(complete) == 1:
        return MODES[complete[0]](**found[complete[0]])  # type: ignore[return-value]
    raise _missing(*max(found.items(), key=lambda item: len(item[1])))


def configured_credentials(token_store: str | None) -> dict[str, dict[str, str]]:
    """Return the fields of each way to sign in that is configured completely. They hold secrets.

    OAuth is complete without a refresh token if a sign-in by device code has left one in the token store.
    """
    found = {mode: _configured_fields(spec) for mode, spec in MODES.items()}
    complete = {mode: fields for mode, fields in found.items() if all(name in fields for name in REQUIRED[mode])}
    if "oauth" not in complete and "client_id" in found["oauth"] and TokenStore(token_store).newest(""):
        complete["oauth"] = found["oauth"]
    return complete


def _required_of(credentials: AnaplanCredentials) -> list[str]:
    return next(REQUIRED[mode] for mode, spec in MODES.items() if isinstance(credentials, spec))


def _configured_fields(spec: type[CredentialsConfiguration]) -> dict[str, str]:
    values: dict[str, Any] = {name: dlt.secrets.get(f"{SECTION}.{name}") for name in spec.get_resolvable_fields()}
    found = {name: str(value) for name, value in values.items() if value is not None}
    return {name: _as_sent(name, value) for name, value in found.items() if _as_sent(name, value)}


def _as_sent(name: str, value: str) -> str:
    return value if name in _NEVER_STRIPPED else value.strip()


def _missing(mode: str, found: dict[str, str]) -> ConfigurationError:
    missing = [name for name in REQUIRED[mode] if name not in found]
    where = f"Put them under [{SECTION}] in .dlt/secrets.toml (see .dlt/secrets.toml.example) or set "
    variables = " and ".join(f"{SECTION}.{name}".replace(".", "__").upper() for name in missing)
    if not found:
        return ConfigurationError("credentials", "none are configured", where + variables + ".")
    reason = f"`{', '.join(found)}` is set, but `{', '.join(missing)}` is missing"
    kind = MissingRefreshTokenError if missing == ["refresh_token"] else ConfigurationError
    return kind("credentials", reason, where + variables + ".")
