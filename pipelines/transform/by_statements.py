"""Write the enriched tables by statements. dlt creates and alters the tables, and loads the seeds."""

from collections.abc import Callable

import dlt

from pipelines.warehouse.dlt_tables import forget_old_schemas
from pipelines.warehouse.released_tables import release_tables
from pipelines.warehouse.restore_tables import restore_tables
from pipelines.warehouse.statement_load import has_columns, statement_load, stored_tables

from .graph import Enrichment
from .materialize import (
    SOURCE_NAME,
    Datasets,
    empty_resource,
    is_outdated,
    model_change,
    run_layer,
    seed_resource,
    stored_state,
)
from .plan import Plan


def write_by_statements(
    pipeline: dlt.Pipeline, raw: dlt.Dataset, enrichment: Enrichment, plan: Plan, begin: Callable[[str], None]
) -> list[str]:
    """Write what the plan says, and return the load ids. `begin` is told each table."""
    load_ids = _create_tables(pipeline, raw, enrichment, plan)
    if stored_state(pipeline) != plan.state_before:
        with statement_load(pipeline) as before:
            before.keep_state(SOURCE_NAME, plan.state_before)
        load_ids.append(before.load_id)
    datasets = Datasets(raw, pipeline.dataset())
    with statement_load(pipeline) as load:
        for layer in enrichment.layers:
            models = [model for model in layer if model.name not in plan.unchanged]
            load.apply(
                [model_change(load, datasets, enrichment, model, plan.days_of(model), plan.reach) for model in models],
                begin,
            )
        load.keep_state(SOURCE_NAME, plan.state_after)
    return [*load_ids, load.load_id]


def _create_tables(pipeline: dlt.Pipeline, raw: dlt.Dataset, enrichment: Enrichment, plan: Plan) -> list[str]:
    """Create, alter and describe the tables that need it, and load the seeds, by dlt. Return the load ids."""
    load_ids: list[str] = []
    if plan.missing:
        # Remove them from the state first: after a crash, the next run must not take the empty tables for complete
        # ones.
        load_ids += run_layer(pipeline, [], plan.state_before)
        restore_tables(pipeline, plan.missing)
    models = enrichment.models.values()
    stored = stored_tables(pipeline)
    outdated = [model for model in models if is_outdated(model, stored.get(model.name, {}))]
    if outdated:
        # dlt never changes the type of a column and never removes one, so it drops these tables first.
        release_tables(pipeline, [one.name for one in outdated])
        load_ids += run_layer(pipeline, [empty_resource(raw, one) for one in outdated], plan.state_before, rebuild=True)
        stored = stored_tables(pipeline)
    seeds = [seed for seed in enrichment.seeds if seed.name in plan.rebuilt]
    incomplete = [
        model
        for model in models
        if plan.has_new_descriptions or not has_columns(stored.get(model.name, {}), model.columns)
    ]
    if seeds or incomplete:
        resources = [*map(seed_resource, seeds), *(empty_resource(raw, model) for model in incomplete)]
        load_ids += run_layer(pipeline, resources, plan.state_before)
    if load_ids:
        forget_old_schemas(pipeline)
    return load_ids
