"""Turn a model into a dlt resource: one relation with its columns, its write disposition and its days."""

from collections.abc import Iterator, Mapping
from datetime import date
from typing import Any, cast

import dlt
from dlt.common.schema.typing import TTableSchemaColumns
from dlt.extract import DltResource
from sqlglot import exp

from pipelines.warehouse.engine import FILLED_BY_QUERY, engine, engine_of
from pipelines.warehouse.sql_fixes import for_dialect

from .graph import Enrichment
from .parse import Model
from .seeds import Seed

SOURCE_NAME = "enrichment"

# None: all days.
Days = set[date] | None
State = dict[str, Any]


def run_layer(
    pipeline: dlt.Pipeline, resources: list[DltResource], state: State, *, rebuild: bool = False
) -> list[str]:
    """Write the tables of one layer in one dlt run; `state` commits with it.

    `rebuild` drops the tables first, because dlt never changes the type of a column and never removes one.
    """

    @dlt.resource(name="remember")
    def remember() -> Iterator[Any]:
        dlt.current.source_state().update(state)
        yield from ()

    @dlt.source(name=SOURCE_NAME)
    def enrichment() -> Iterator[DltResource]:
        yield from (*resources, remember)

    info = pipeline.run(enrichment(), refresh="drop_resources") if rebuild else pipeline.run(enrichment())
    return list(info.loads_ids)


def stored_state(pipeline: dlt.Pipeline) -> State:
    """Return the state that the last completed layer stored."""
    sources: dict[str, State] = pipeline.state.get("sources", {})
    return dict(sources.get(SOURCE_NAME, {}))


def model_resource(
    dataset: dlt.Dataset, enrichment: Enrichment, model: Model, days: Days, *, is_new: bool = False
) -> DltResource:
    """Return the model as a dlt resource: `INSERT ... SELECT` of the given days in the destination.

    `is_new` means that the table does not exist yet.
    """
    columns = column_hints(model.columns, model.docs.columns)

    def rows() -> Iterator[Any]:
        dialect = str(dataset.destination_dialect)
        query = for_dialect(only_days(enrichment, model, days), dialect)
        if engine_of(dataset).materializes_repeated_ctes:
            _merge_renames(query, model)
        relation = engine_of(dataset).table_relation(dataset, query, list(model.columns))
        yield dlt.mark.with_hints(relation, dlt.mark.make_hints(columns=columns))

    resource = dlt.resource(rows, name=model.name, write_disposition=_disposition(model, days, is_new), columns=columns)
    return _described(resource(), model.docs.comment).apply_hints(additional_table_hints={FILLED_BY_QUERY: True})


def seed_resource(seed: Seed) -> DltResource:
    """Return the rows of a CSV file as a dlt resource."""
    columns = column_hints(seed.columns, seed.docs.columns)
    return rows_resource(seed.name, seed.rows, columns, "replace", seed.docs.comment)


def rows_resource(
    name: str, rows: list[dict[str, Any]], columns: TTableSchemaColumns, how: Any, comment: str
) -> DltResource:
    """Return a few rows from Python as a dlt resource."""
    return _described(dlt.resource([rows], name=name, write_disposition=how, columns=columns), comment)


def _described(resource: DltResource, comment: str) -> DltResource:
    hints: Any = engine().comment_hints(comment)
    return resource.apply_hints(additional_table_hints=hints)


def column_hints(types: Mapping[str, str], descriptions: Mapping[str, str]) -> TTableSchemaColumns:
    """Return columns as dlt declares them. All are nullable, because the checks report an empty key."""
    hints = {
        name: {"name": name, "data_type": data_type, "nullable": True, "description": descriptions[name]}
        for name, data_type in types.items()
    }
    return cast(TTableSchemaColumns, hints)


def only_days(enrichment: Enrichment, model: Model, days: Days) -> exp.Select:
    """Return the query of the model, limited to the given days of its inputs.

    Each scan is filtered, not the result: engines push no filter through a window function or an outer join. Files of
    staging that are marked `all_days` read every day.
    """
    query = model.query
    if days is None:
        return query
    whole = {one.name for one in model.inlines if one.docs.all_days}
    for table in list(query.find_all(exp.Table)):
        day = enrichment.day_column(table.name)
        cte = table.find_ancestor(exp.CTE)
        # The CTEs of an inlined file are called `file__cte`.
        if day and not (cte and cte.alias.partition("__")[0] in whole):
            scan = exp.select("*").from_(exp.to_table(table.name)).where(_one_of(day, days))
            table.replace(scan.subquery(table.alias or table.name))
    return query


def _merge_renames(query: exp.Select, model: Model) -> None:
    """Let the engine merge files that only rename columns into the steps that read them."""
    renames = {one.name for one in model.inlines if one.only_renames}
    for cte in query.ctes:
        if cte.alias in renames:
            cte.set("materialized", False)


def _disposition(model: Model, days: Days, is_new: bool) -> Any:
    if model.docs.day is None:
        return "replace"
    if is_new:
        # There is nothing to delete, so no row has to pass through a staging table.
        return "append"
    # The scope deletes whole days, also a day without rows now, in one transaction with the insert.
    scope = "1 = 1" if days is None else _one_of(model.docs.day, days).sql()
    return {"disposition": "merge", "strategy": "delete-insert", "destination_scope": scope}


def _one_of(column: str, days: set[date]) -> exp.Expr:
    if not days:
        return exp.condition("1 = 0")
    return exp.column(column).isin(*(exp.cast(exp.Literal.string(day.isoformat()), "date") for day in sorted(days)))
