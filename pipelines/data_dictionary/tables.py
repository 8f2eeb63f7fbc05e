"""Collect the tables of the dictionary: raw ones from the schema of the source, enriched ones from the models."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from audit_source import schema
from pipelines.transform import checks
from pipelines.transform.addresses import ADDRESSES
from pipelines.transform.check_scope import RESULTS
from pipelines.transform.graph import Enrichment, read_enrichment
from pipelines.transform.parse import MODELS_DIR, Model, raw_schema
from pipelines.transform.seeds import Seed
from pipelines.transform.table_docs import TableDocs
from pipelines.warehouse import forward_tables, run_tables
from pipelines.warehouse.lease import table as lease_table

from .column_sources import Source, column_sources

RAW, ENRICHED = "anaplan_audit_raw", "anaplan_audit"
_APIS = {
    **dict.fromkeys(("events", "event_windows", "event_days"), "Anaplan's Audit API"),
    **dict.fromkeys(("users", "user_logins", "workspaces", "models"), "Anaplan's Integration API"),
    **dict.fromkeys(("model_history", "model_history_reads"), "Anaplan's Integration API: history exports"),
    "event_types": "audit_source/event_types.csv",
    **dict.fromkeys(("model_actions", "process_steps", "content_reads"), "Anaplan's Integration API"),
    **dict.fromkeys(("integrations", "integration_runs", "integration_flows"), "Anaplan's CloudWorks API"),
    **dict.fromkeys(("user_entitlements", "scim_users"), "Anaplan's SCIM API"),
}


@dataclass(frozen=True)
class DocumentedColumn:
    """A column; `sources` are columns of other tables, `origin` describes any other source in words."""

    name: str
    data_type: str
    description: str
    origin: str = ""
    sources: list[Source] = field(default_factory=list)
    reference: Source | None = None
    accepted_values: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class DocumentedTable:
    """A table; `layer` is its place in the lineage, None for the pipeline's own tables."""

    name: str
    dataset: str
    description: str
    grain: str
    key: tuple[str, ...]
    written: str
    made_from: str
    columns: list[DocumentedColumn]
    inputs: list[str] = field(default_factory=list)
    layer: int | None = None


def documented_tables(models_dir: Path = MODELS_DIR) -> list[DocumentedTable]:
    """Return every raw and enriched table, in the order of the lineage.

    Raises:
        ModelError: A model cannot be built.
    """
    enrichment = read_enrichment(raw_schema(), models_dir)
    models = [
        _model(model, number, column_sources(model, enrichment.columns), models_dir)
        for number, layer in enumerate(enrichment.layers, 1)
        for model in layer
    ]
    seeds = [_seed(seed, enrichment) for seed in enrichment.seeds]
    return [*map(_raw, schema.TABLES), *seeds, *models, *_own()]


def edges(tables: list[DocumentedTable]) -> list[tuple[str, str]]:
    """Return pairs of input and model."""
    return [(one, table.name) for table in tables for one in table.inputs]


def _raw(table: schema.Table) -> DocumentedTable:
    columns = []
    for column in table.all_columns:
        origin = f"JSON field `{column.field}`" if column.field else "computed at load"
        if column.name.startswith(schema.ATTRIBUTE_PREFIX):
            origin = "JSON field of `additionalAttributes`"
        elif table is schema.EVENT_TYPES:
            origin = "the catalogue"
        elif column in schema.VALIDITY:
            origin = "dlt's SCD2"
        columns.append(DocumentedColumn(column.name, column.data_type, column.description, origin))
    source = _APIS[table.name]
    return DocumentedTable(
        table.name, RAW, table.description, table.grain, table.key, table.written, source, columns, layer=0
    )


def _seed(seed: Seed, enrichment: Enrichment) -> DocumentedTable:
    readers = [number for number, layer in enumerate(enrichment.layers, 1) for one in layer if seed.name in one.inputs]
    file = f"pipelines/models/seeds/{seed.file.name}"
    written = "replaced by the rows of the file"
    if seed.name == ADDRESSES:
        file, written = "pipelines/transform/addresses.py", "replaced when a run finds other addresses"
    return _enriched(seed.name, seed.docs, seed.columns, written, file, {}, min(readers, default=2) - 1)


def _model(model: Model, layer: int, sources: Mapping[str, list[Source]], models_dir: Path) -> DocumentedTable:
    place = model.file.relative_to(models_dir)
    file = f"pipelines/models/{place.parent if len(model.files) > 1 else place}"
    day = model.docs.day
    written = f"the days of `{day}` that a load touched are rewritten" if day else "replaced as a whole"
    table = _enriched(model.name, model.docs, model.columns, written, file, sources, layer)
    table.inputs.extend(sorted(model.inputs))
    return table


def _enriched(
    name: str,
    docs: TableDocs,
    columns: Mapping[str, str],
    written: str,
    file: str,
    sources: Mapping[str, list[Source]],
    layer: int,
) -> DocumentedTable:
    documented = []
    for column, data_type in columns.items():
        parent, _, parent_column = docs.relationships.get(column, "").partition(".")
        documented.append(
            DocumentedColumn(
                column,
                data_type,
                docs.columns[column],
                "" if sources.get(column) else "the file" if not sources else "counted or constant",
                sources.get(column, []),
                (parent, parent_column) if parent else None,
                docs.accepted_values.get(column, []),
            )
        )
    return DocumentedTable(
        name, ENRICHED, docs.description, docs.grain, docs.key, written, file, documented, layer=layer
    )


def _own() -> list[DocumentedTable]:
    """Return the tables that the pipeline writes about itself; no model reads them."""
    keys = {
        run_tables.RUNS: ("run_id",),
        run_tables.ALERTS: ("kind", "subject", "what", "happened_at"),
        run_tables.PURGES: ("purge_id",),
    }
    found = []
    for name, columns in run_tables.COLUMNS.items():
        grain = run_tables.DESCRIPTIONS[name]
        found.append(_own_table(name, RAW, "What the pipeline did.", grain, keys[name], "rows appended", columns))
    leases = ("claim_id", "renewal")
    text, grain = "Which run may write, on destinations with a lease.", lease_table.DESCRIPTION
    written = "rows inserted and deleted"
    found.append(_own_table(lease_table.LEASES, RAW, text, grain, leases, written, lease_table.COLUMNS))
    text = "What was forwarded to a SIEM; only `forward` makes these tables."
    for name, key in forward_tables.KEYS.items():
        columns_of_target = forward_tables.COLUMNS[name]
        grain = forward_tables.DESCRIPTIONS[name]
        found.append(_own_table(name, RAW, text, grain, key, written, columns_of_target))
    results = ("check_name", "checked_at")
    grain = checks.RESULTS_GRAIN
    text = checks.RESULTS_DESCRIPTION
    return [*found, _own_table(RESULTS, ENRICHED, text, grain, results, "rows appended", checks.RESULT_COLUMNS)]


def _own_table(
    name: str,
    dataset: str,
    description: str,
    grain: str,
    key: tuple[str, ...],
    written: str,
    columns: Mapping[str, tuple[str, str]],
) -> DocumentedTable:
    documented = [DocumentedColumn(one, kind, meaning) for one, (kind, meaning) in columns.items()]
    grain = grain[0].lower() + grain[1:]
    return DocumentedTable(name, dataset, description, grain, key, written, "the pipeline itself", documented)
