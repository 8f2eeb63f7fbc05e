"""Names that several packages share: pipelines, datasets, the SQL dialect of the models."""

from typing import Final

import dlt

# The dialect of the models. They are translated to the dialect of the destination.
DIALECT: Final = "duckdb"
LOAD_NAME, ENRICH_NAME = "anaplan_audit", "anaplan_audit_enrich"
DEFAULT_DATASETS = {LOAD_NAME: "anaplan_audit_raw", ENRICH_NAME: "anaplan_audit"}


def dataset_name(pipeline: str) -> str:
    """Return the configured name of a dataset, or its default."""
    return str(dlt.config.get(f"pipelines.{pipeline}.dataset_name") or DEFAULT_DATASETS[pipeline])


def command_line(words: str) -> str:
    """Return the command line that runs a command, for the tenant that this process works for."""
    tenant = str(dlt.config.get("tenant") or "")
    return f"python -m pipelines.audit {words}{f' --tenant {tenant}' if tenant else ''}"
