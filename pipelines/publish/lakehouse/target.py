"""The place of the lakehouse copy: is it configured, is the library there, can the folder be written?"""

import os

from pipelines.common.configuration import lakehouse
from pipelines.common.exit_codes import CONFIGURATION, PipelineError
from pipelines.common.lakehouse_settings import LakehouseSettings

from .delta_table import check_package


def lakehouse_target() -> LakehouseSettings | None:
    """Return where to publish to, or None.

    Raises:
        PipelineError: A setting is wrong, the library is missing, or the folder cannot be written.
    """
    settings = lakehouse()
    if settings is None:
        return None
    check_package()
    if settings.folder is not None:
        parent = settings.folder if os.path.exists(settings.folder) else os.path.dirname(settings.folder)
        if not os.path.isdir(parent) or not os.access(parent, os.W_OK):
            raise PipelineError(
                CONFIGURATION,
                f"setting `url` under [lakehouse]: `{parent}` is not a writable folder. Create it, or name another.",
            )
    return settings
