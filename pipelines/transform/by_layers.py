"""Write the enriched tables by dlt: each layer is one dlt run of `INSERT ... SELECT` statements.

This is the way of every engine that cannot replace rows in one transaction without a staging copy.
"""

from collections.abc import Callable
from typing import Any

import dlt

from pipelines.warehouse.dlt_tables import forget_old_schemas
from pipelines.warehouse.restore_tables import restore_tables

from .graph import Enrichment
from .materialize import Datasets, State, is_outdated, model_resource, run_layer, seed_resource
from .plan import Plan


def write_by_layers(
    pipeline: dlt.Pipeline, raw: dlt.Dataset, enrichment: Enrichment, plan: Plan, begin: Callable[[str], None]
) -> list[str]:
    """Write what the plan says, and return the load ids. `begin` is told each table, all of a layer at once."""
    load_ids: list[str] = []
    if plan.missing:
        # Remove them from the state first: after a crash, the next run must not take the empty tables for complete
        # ones.
        load_ids += run_layer(pipeline, [], plan.state_before)
        restore_tables(pipeline, plan.missing)
    for number in range(1, len(enrichment.layers) + 1):
        state = plan.state_after if number == len(enrichment.layers) else plan.state_before
        for model in enrichment.layers[number - 1]:
            if model.name not in plan.unchanged:
                begin(model.name)
        load_ids += _run_layer(pipeline, raw, enrichment, plan, number, state)
    forget_old_schemas(pipeline)
    return load_ids


def _run_layer(
    pipeline: dlt.Pipeline, raw: dlt.Dataset, enrichment: Enrichment, plan: Plan, number: int, state: State
) -> list[str]:
    datasets = Datasets(raw, pipeline.dataset())
    models = enrichment.layers[number - 1]
    stored: dict[str, Any] = dict(pipeline.default_schema.tables) if pipeline.default_schema_name else {}
    outdated = [model for model in models if is_outdated(model, stored.get(model.name, {}).get("columns", {}))]
    load_ids: list[str] = []
    if outdated:
        rebuilt = [model_resource(datasets, enrichment, model, None, plan.reach) for model in outdated]
        load_ids += run_layer(pipeline, rebuilt, plan.state_before, rebuild=True)
    seeds = enrichment.seeds if number == 1 else ()
    resources = [seed_resource(seed) for seed in seeds if seed.name in plan.rebuilt]
    for model in models:
        if model not in outdated and model.name not in plan.unchanged:
            resources.append(model_resource(datasets, enrichment, model, plan.days_of(model), plan.reach))
    # A layer without tables is run only for its state.
    return load_ids + run_layer(pipeline, resources, state) if resources or state != plan.state_before else load_ids
