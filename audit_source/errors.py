"""What can go wrong between here and Anaplan. Each error is one line: what was asked, what came back, what to do.

AuditSourceError
├── ConfigurationError      a setting or credential is missing, unknown or contradictory
├── SignInError             Anaplan refuses the credentials or the token
│   └── RoleError           the credentials are good, the account lacks a role
├── UnreachableError        no usable answer after all retries
└── BadAnswerError          an answer arrived that is not what the API promises
"""


class AuditSourceError(Exception):
    """An error with the three things its reader needs.

    Args:
        asked (str): What was attempted, without secrets.
        got (str): What happened instead.
        advice (str): What the reader can do about it.
    """

    def __init__(self, asked: str, got: str, advice: str) -> None:
        self.asked, self.got, self.advice = asked, got, advice
        super().__init__(" ".join(f"{asked}: {got}. {advice}".split()))


class ConfigurationError(AuditSourceError):
    """A setting or credential is missing, unknown or contradictory."""


class SignInError(AuditSourceError):
    """Anaplan refuses the credentials or the token."""


class RoleError(SignInError):
    """The token is good, but the account lacks the role that the request needs."""


class UnreachableError(AuditSourceError):
    """Anaplan gave no usable answer, however often it was asked."""


class BadAnswerError(AuditSourceError):
    """The answer is not what the API promises: asking again may help."""
