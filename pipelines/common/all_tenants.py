"""The settings of what readers get of all tenants at once. They are general: no tenant has its own."""

import re

import dlt

from .exit_codes import CONFIGURATION, PipelineError
from .names import DEFAULT_DATASETS, ENRICH_NAME, dataset_name

DATASET, COPY = "all_tenants_dataset", "all_tenants_copy"
_SECTION = f"pipelines.{ENRICH_NAME}"
COPY_KEY = f"{_SECTION}.{COPY}"
GENERAL = {f"{_SECTION}.{DATASET}", COPY_KEY}
_NAME = re.compile(r"[a-z][a-z0-9_]*")


def views_dataset() -> str | None:
    """Return the dataset of the views over all tenants, None if none is configured."""
    return str(dlt.config.get(f"{_SECTION}.{DATASET}") or "") or None


def check_views_dataset() -> None:
    """Refuse a dataset that the pipelines of this process write to, or a name that no dataset can have.

    Raises:
        PipelineError: The setting is wrong.
    """
    name = views_dataset()
    if name is None:
        return
    if not _NAME.fullmatch(name):
        raise _refused(name, "a name has lower-case letters, digits and underscores, and begins with a letter")
    for own in map(dataset_name, DEFAULT_DATASETS):
        if name in (own, f"{own}_staging"):
            raise _refused(name, f"the tables of dataset `{own}` are written there")


def _refused(name: str, reason: str) -> PipelineError:
    return PipelineError(CONFIGURATION, f"setting `{DATASET}`: `{name}`: {reason}. Rename it.")
