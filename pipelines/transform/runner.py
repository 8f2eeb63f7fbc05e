"""Build the enriched tables: run the models in the destination, layer after layer.

Each layer is one dlt run of `INSERT ... SELECT` statements; no row leaves the destination. The pipeline's state holds
the watermark and commits with the last layer. A run that dies between layers is retry-safe: the next run rewrites the
same days with the same rows.
"""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import dlt
from dlt.common import logger

from pipelines.common.exit_codes import CONFIGURATION, PipelineError
from pipelines.warehouse.dlt_internals import stored_columns
from pipelines.warehouse.dlt_tables import forget_old_schemas
from pipelines.warehouse.engine import engine_of
from pipelines.warehouse.restore_tables import restore_tables
from pipelines.warehouse.table_comments import write_new_comments

from .graph import Enrichment, check_models, read_enrichment
from .materialize import Datasets, State, model_resource, run_layer, seed_resource, stored_state
from .parse import MODELS_DIR, Model
from .plan import Plan, inputs_hash, make_plan
from .version_history import correct_versions, wrong_versions


@dataclass(frozen=True)
class EnrichReport:
    """The result of an enrichment; `days` is None if every day was written."""

    tables: list[str]
    rebuilt: list[str]
    days: list[date] | None
    seconds: float
    load_ids: list[str]

    def line(self) -> str:
        """Return the report in one line."""
        days = "all days" if self.days is None else f"{len(self.days)} day{'' if len(self.days) == 1 else 's'}"
        rebuilt = f", {len(self.rebuilt)} of them as a whole" if self.rebuilt and self.days is not None else ""
        return f"{len(self.tables)} tables{rebuilt}, {days}"


def enrich(
    pipeline: dlt.Pipeline,
    raw: dlt.Pipeline,
    *,
    full_refresh: bool = False,
    recount: bool = False,
    models_dir: Path = MODELS_DIR,
) -> EnrichReport:
    """Bring the enriched dataset of `pipeline` up to date with the raw dataset of `raw`.

    Days are rewritten if loads brought events or names changed. A table is rewritten as a whole if its model or input
    changed, or with `full_refresh`. The next call repeats a run that was interrupted. `recount` looks for days
    that lost rows, builds the summaries from all days and writes every table without days, which is done once a day
    otherwise.

    Raises:
        ModelError: A model cannot be built; nothing was written.
        PipelineError: Nothing was loaded yet.
    """
    started = time.monotonic()
    raw_dataset = raw.dataset()
    columns = raw_columns(raw_dataset)
    if pipeline.has_pending_data:
        pipeline.abort_packages()
    enrichment = read_enrichment(columns, models_dir, validate=False)
    if stored_state(pipeline).get("checked") != inputs_hash(enrichment):
        check_models(enrichment)
    repaired = _repair_versions(pipeline, raw)
    plan = make_plan(pipeline, raw_dataset, enrichment, full_refresh or repaired, recount)
    if plan.is_idle and not recount:
        write_new_comments(pipeline)
        return EnrichReport(list(enrichment.tables), [], [], time.monotonic() - started, [])
    load_ids: list[str] = []
    if plan.missing:
        # Remove them from the state first: after a crash, the next run must not take the empty tables for complete
        # ones.
        load_ids += run_layer(pipeline, [], plan.state_before)
        restore_tables(pipeline, plan.missing)
    for number in range(1, len(enrichment.layers) + 1):
        state = plan.state_after if number == len(enrichment.layers) else plan.state_before
        load_ids += _run_layer(pipeline, raw_dataset, enrichment, plan, number, state)
    forget_old_schemas(pipeline)
    write_new_comments(pipeline)
    return EnrichReport(
        tables=list(enrichment.tables),
        rebuilt=sorted(plan.rebuilt),
        days=None if plan.days is None else sorted(plan.days),
        seconds=time.monotonic() - started,
        load_ids=load_ids,
    )


def _repair_versions(pipeline: dlt.Pipeline, raw: dlt.Pipeline) -> bool:
    """Correct versions of the directory that run backwards, and return whether there were any."""
    wrong = wrong_versions(raw)
    if not wrong:
        return False
    if pipeline.default_schema_name:
        # Remove the tables from the state first: after a crash, the next run must not take them for correct.
        run_layer(pipeline, [], {**stored_state(pipeline), "models": {}})
    correct_versions(raw, wrong)
    logger.warning(
        f"{len(wrong):,} records of the directory had versions that ran backwards, because a clock was set back. "
        "They were put in order, and every table is built again."
    )
    return True


def _run_layer(
    pipeline: dlt.Pipeline, raw: dlt.Dataset, enrichment: Enrichment, plan: Plan, number: int, state: State
) -> list[str]:
    datasets = Datasets(raw, pipeline.dataset())
    models = enrichment.layers[number - 1]
    stored: dict[str, Any] = dict(pipeline.default_schema.tables) if pipeline.default_schema_name else {}
    outdated = [model for model in models if _is_outdated(model, stored.get(model.name, {}).get("columns", {}))]
    # On a server, the statement of a killed run may still be running and commit later: an append would double its rows.
    dies_with_us = engine_of(pipeline).dies_with_process
    # Ask the destination itself: after a first run that died, dlt has no schema, but the rows are there.
    unknown = [model.name for model in models if dies_with_us and model.name not in stored]
    absent = {name for name, columns in stored_columns(pipeline, unknown).items() if not columns} if unknown else set()
    load_ids: list[str] = []
    if outdated:
        rebuilt = [
            model_resource(datasets, enrichment, model, None, plan.reach, is_new=dies_with_us) for model in outdated
        ]
        load_ids += run_layer(pipeline, rebuilt, plan.state_before, rebuild=True)
    seeds = enrichment.seeds if number == 1 else ()
    resources = [seed_resource(seed) for seed in seeds if seed.name in plan.rebuilt]
    for model in models:
        if model not in outdated and model.name not in plan.unchanged:
            is_new = model.name in absent
            days = plan.days_of(model)
            resources.append(model_resource(datasets, enrichment, model, days, plan.reach, is_new=is_new))
    # A layer without tables is run only for its state.
    return load_ids + run_layer(pipeline, resources, state) if resources or state != plan.state_before else load_ids


def _is_outdated(model: Model, stored: Mapping[str, Any]) -> bool:
    """Return whether the table has a column of another type, or one that the model no longer returns.

    A table with `_dlt_id` was a seed: dlt wants the column filled, and a query does not fill it.
    """
    return "_dlt_id" in stored or any(
        model.columns.get(name) != column.get("data_type")
        for name, column in stored.items()
        if not name.startswith("_dlt")
    )


def raw_columns(raw: dlt.Dataset) -> dict[str, dict[str, str]]:
    """Return the columns of the raw tables, with dlt's types.

    Raises:
        PipelineError: Nothing was loaded yet.
    """
    tables = raw.schema.tables
    if "events" not in tables:
        raise PipelineError(CONFIGURATION, "there are no raw tables yet: load first (python -m pipelines.audit run).")
    return {
        name: {column: str(hints["data_type"]) for column, hints in table["columns"].items() if "data_type" in hints}
        for name, table in tables.items()
        if not name.startswith("_dlt")
    }
