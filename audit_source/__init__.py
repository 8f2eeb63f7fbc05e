"""An Anaplan tenant's audit log and directory as a dlt source. Can be copied, as a folder, into any dlt project."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .auth.credentials import (
        AnaplanCredentials,
        CertificateCredentials,
        OAuthCredentials,
        PasswordCredentials,
        TokenCredentials,
    )
    from .events.decode_process import DecodingProcess
    from .events.stream import Reload
    from .extract_report import Run
    from .purge import forget_before
    from .settings import AuditSettings
    from .source import MERGE, audit_source

__all__ = [
    "MERGE",
    "AnaplanCredentials",
    "AuditSettings",
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
    "AuditSettings": "settings",
    "audit_source": "source",
    "DecodingProcess": "events.decode_process",
    "MERGE": "source",
    "Reload": "events.stream",
    "Run": "extract_report",
    "forget_before": "purge",
}


def __getattr__(name: str) -> Any:
    """Imports what is asked for: the process that decodes pages needs no dlt, which is most of the memory here."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f".{_MODULES.get(name, 'auth.credentials')}", __name__), name)
