"""Defaults of settings whose default in dlt is another. They count where no file and no variable sets them."""

import copy
from typing import Any, Final

import dlt
from dlt.common.configuration.exceptions import DuplicateConfigProviderException
from dlt.common.configuration.providers.doc import CustomLoaderDocProvider

DEFAULTS: Final[dict[str, Any]] = {
    # dlt sends usage data by default.
    "runtime": {"dlthub_telemetry": False, "log_level": "WARNING", "request_max_retry_delay": 60.0},
}
PROVIDER: Final = "defaults"


def use_defaults() -> None:
    """Let dlt read these defaults after all files and variables. Calling it again is safe."""
    try:
        dlt.config.register_provider(CustomLoaderDocProvider(PROVIDER, lambda: copy.deepcopy(DEFAULTS), False, ()))
    except DuplicateConfigProviderException:
        return
