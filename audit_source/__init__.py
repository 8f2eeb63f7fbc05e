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
    from .directory.model_history import KnownHistory, ModelHistory
    from .events.ledger import Reload
    from .extract_report import Run
    from .known import Known
    from .purge import purge_before
    from .settings import AuditSettings
    from .source import audit_source
    from .table_resources import MERGE

__all__ = [
    "MERGE",
    "AnaplanCredentials",
    "AuditSettings",
    "CertificateCredentials",
    "Known",
    "KnownHistory",
    "ModelHistory",
    "OAuthCredentials",
    "PasswordCredentials",
    "Reload",
    "Run",
    "TokenCredentials",
    "audit_source",
    "purge_before",
]

_MODULES = {
    "AuditSettings": "settings",
    "Known": "known",
    "KnownHistory": "directory.model_history",
    "MERGE": "table_resources",
    "ModelHistory": "directory.model_history",
    "Reload": "events.ledger",
    "Run": "extract_report",
    "audit_source": "source",
    "purge_before": "purge",
}


def __getattr__(name: str) -> Any:
    """Import a name when it is used. The process that decodes pages needs no dlt, which takes most of the memory."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f".{_MODULES.get(name, 'auth.credentials')}", __name__), name)
