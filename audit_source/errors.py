"""The errors of the source. Each one is one line: what failed, what was received, what to do.

AuditSourceError
├── ConfigurationError              a setting or credential is missing, unknown or contradictory
│   └── MissingRefreshTokenError    OAuth is configured without a refresh token
├── SignInError                     Anaplan refuses the credentials or the token
│   ├── RefreshTokenError           Anaplan refuses the OAuth refresh token
│   └── RoleError                   the credentials are valid, but the account lacks a role
├── UnreachableError                no usable answer after all retries
├── BadAnswerError                  an answer that is not what the API promises
└── ExportError                     an export in Anaplan did not write a usable file
"""


class AuditSourceError(Exception):
    """An error with the three facts that its reader needs.

    Args:
        operation (str): What was attempted, without secrets.
        reason (str): What happened instead.
        hint (str): What the reader can do about it.

    Attributes:
        status_code (int): HTTP status of the answer, if there was one.
    """

    status_code: int | None = None

    def __init__(self, operation: str, reason: str, hint: str) -> None:
        self.operation, self.reason, self.hint = operation, reason, hint
        super().__init__(" ".join(f"{operation}: {reason}. {hint}".split()))


def is_no_access(error: AuditSourceError) -> bool:
    """Return whether Anaplan hides a model from the account. Requests below such a model answer 404, never 403."""
    return isinstance(error, RoleError) or error.status_code == 404


def is_token_refused(error: AuditSourceError) -> bool:
    """Return whether every further request would fail like this one."""
    return isinstance(error, SignInError) and not isinstance(error, RoleError)


class ConfigurationError(AuditSourceError):
    """A setting or credential is missing, unknown or contradictory."""


class MissingRefreshTokenError(ConfigurationError):
    """OAuth is configured without a refresh token."""


class SignInError(AuditSourceError):
    """Anaplan refuses the credentials or the token."""


class RefreshTokenError(SignInError):
    """Anaplan refuses the OAuth refresh token."""


class RoleError(SignInError):
    """The token is valid, but the account lacks the role that the request needs."""


class UnreachableError(AuditSourceError):
    """Anaplan gave no usable answer after all retries."""


class BadAnswerError(AuditSourceError):
    """The answer is not what the API promises. A retry may help."""


class ExportError(AuditSourceError):
    """An export in Anaplan did not write a usable file. The next run tries again.

    Args:
        outcome (str): `failed`, `cancelled`, `slow` or `unreadable`.
    """

    def __init__(self, operation: str, reason: str, hint: str, outcome: str) -> None:
        super().__init__(operation, reason, hint)
        self.outcome = outcome
