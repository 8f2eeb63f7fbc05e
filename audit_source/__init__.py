"""An Anaplan tenant's audit log and directory as a dlt source. Can be copied, as a folder, into any dlt project."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .credentials import (
        AnaplanCredentials,
        CertificateCredentials,
        OAuthCredentials,
        PasswordCredentials,
        TokenCredentials,
    )
    from .decoding import DecodingProcess
    from .forget import forget_before
    from .log import Reload
    from .run import Run
    from .source import MERGE, audit_source

__all__ = [
    "MERGE",
    "AnaplanCredentials",
    "CertificateCredentials",
    "DecodingProcess",
    "OAuthCredentials",
    "PasswordCredentials",
    "Reload",
    "Run",
    "TokenCredentials",
    "audit_source",
    "forget_before",
]

_MODULES = {
    "audit_source": "source",
    "DecodingProcess": "decoding",
    "MERGE": "source",
    "Reload": "log",
    "Run": "run",
    "forget_before": "forget",
}


def __getattr__(name: str) -> Any:
    """Imports what is asked for: the process that decodes pages needs no dlt, which is most of the memory here."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f".{_MODULES.get(name, 'credentials')}", __name__), name)
