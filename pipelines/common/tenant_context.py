"""The settings of one tenant for a part of a process that works for several at once, as the dashboard does.

A command works for one tenant and sets its settings for the whole process (`start_up.work_for_tenant`).
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from dlt.common.configuration.container import Container
from dlt.common.configuration.providers.doc import BaseDocProvider
from dlt.common.configuration.specs import PluggableRunContext

from .tenants import settings_of

_NAME = "settings of a tenant"
_document: ContextVar[Mapping[str, Any] | None] = ContextVar("document", default=None)


class _TenantSettings(BaseDocProvider):
    """Settings of the tenant of the present thread. They count more than environment and files.

    Seen in dlt 1.31: a provider of a document reads `_config_doc` for each setting, and the first provider counts most.
    """

    def __init__(self) -> None:
        pass

    @property
    def _config_doc(self) -> Any:  # type: ignore[override]
        return _document.get() or {}

    @property
    def name(self) -> str:
        return _NAME

    @property
    def supports_secrets(self) -> bool:
        return True

    @property
    def is_writable(self) -> bool:
        return False


def read_all(names: list[str]) -> dict[str, dict[str, Any]]:
    """Return the settings of each tenant, to be read before any of them is used.

    Raises:
        PipelineError: There is no such tenant, or its name cannot be a part of a dataset's name.
    """
    return {name: {**settings_of(name), "tenant": name} for name in names}


@contextmanager
def using(settings: Mapping[str, Any]) -> Iterator[None]:
    """Use the settings of a tenant in this thread, by dlt's full keys."""
    providers = Container()[PluggableRunContext].providers
    if _NAME not in providers:
        providers.providers.insert(0, _TenantSettings())
    token = _document.set(_nested(settings))
    try:
        yield
    finally:
        _document.reset(token)


def _nested(settings: Mapping[str, Any]) -> dict[str, Any]:
    document: dict[str, Any] = {}
    for key, value in settings.items():
        *sections, name = key.split(".")
        place = document
        for section in sections:
            place = place.setdefault(section, {})
        place[name] = value
    return document
