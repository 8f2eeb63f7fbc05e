"""Turn a model into a dlt resource: one relation with its columns, its write disposition and its days."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple, cast

import dlt
from dlt.common.schema.typing import TTableSchemaColumns
from dlt.extract import DltResource
from sqlglot import exp

from pipelines.warehouse.dlt_internals import raw_relation
from pipelines.warehouse.engine import engine, engine_of
from pipelines.warehouse.sql_fixes import for_dialect
from pipelines.warehouse.statement_load import Change, StatementLoad

from .graph import Enrichment
from .inline import rows_as_query
from .parse import Model
from .seeds import Seed
from .summaries import WHOLE, Days, Reach, name_whole, one_of, reads_dataset, with_stored_rows
from .table_docs import TOUCHED

SOURCE_NAME = "enrichment"

State = dict[str, Any]


class Datasets(NamedTuple):
    """The two datasets of a run."""

    raw: dlt.Dataset
    enriched: dlt.Dataset

    def of(self, enrichment: Enrichment, model: Model) -> dlt.Dataset:
        """Return the dataset of the tables that a model reads."""
        return self.raw if model.inputs & enrichment.raw_tables.keys() else self.enriched


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


def is_outdated(model: Model, stored: Mapping[str, Any]) -> bool:
    """Return whether the table has a column of another type, or one that the model no longer returns.

    A table with `_dlt_id` was a seed: dlt wants the column filled, and a query does not fill it.
    """
    return "_dlt_id" in stored or any(
        model.columns.get(name) != column.get("data_type")
        for name, column in stored.items()
        if not name.startswith("_dlt")
    )


def stored_state(pipeline: dlt.Pipeline) -> State:
    """Return the state that the last completed layer stored."""
    sources: dict[str, State] = pipeline.state.get("sources", {})
    return dict(sources.get(SOURCE_NAME, {}))


def model_resource(
    datasets: Datasets, enrichment: Enrichment, model: Model, days: Days, reach: Reach = WHOLE
) -> DltResource:
    """Return the model as a dlt resource: `INSERT ... SELECT` of the given days in the destination."""
    adds_to_itself = _adds_to_itself(model, reach)
    how = {"disposition": "merge", "strategy": "delete-insert"} if adds_to_itself else _disposition(model, days)
    return _query_resource(model, how, lambda: model_relation(datasets, enrichment, model, days, reach))


def empty_resource(dataset: dlt.Dataset, model: Model) -> DltResource:
    """Return a dlt resource that creates the table of a model, or adds what the table lacks, and writes no row."""

    def no_rows() -> dlt.Relation:
        query = for_dialect(rows_as_query(model.columns, []), str(dataset.destination_dialect))
        return raw_relation(dataset, query)

    return _query_resource(model, "append", no_rows)


def _query_resource(model: Model, how: Any, query: Callable[[], dlt.Relation]) -> DltResource:
    columns = column_hints(model.columns, model.docs.columns)

    def rows() -> Iterator[Any]:
        yield dlt.mark.with_hints(query(), dlt.mark.make_hints(columns=columns))

    hints: Any = engine().comment_hints(model.docs.comment)
    if model.docs.day is not None:
        cast(dict[str, Any], columns[model.docs.day]).update(engine().day_column_hints())
        hints |= engine().day_table_hints(model.docs.day)
    if model.docs.summary:
        hints |= engine().key_table_hints()
        for name in model.docs.key:
            columns[name]["primary_key"] = True
    resource = dlt.resource(rows, name=model.name, write_disposition=how, columns=columns)
    return resource().apply_hints(additional_table_hints=hints)


def model_relation(datasets: Datasets, enrichment: Enrichment, model: Model, days: Days, reach: Reach) -> dlt.Relation:
    """Return the rows of the given days as a query of the destination."""
    dataset = datasets.of(enrichment, model)
    query = for_dialect(only_days(enrichment, model, days, reach), str(dataset.destination_dialect))
    if engine_of(dataset).materializes_repeated_ctes:
        _merge_renames(query, model)
    other = datasets.enriched if reads_dataset(query, reach.dataset) else None
    return engine_of(dataset).relation(dataset, query, other)


def model_change(
    load: StatementLoad, datasets: Datasets, enrichment: Enrichment, model: Model, days: Days, reach: Reach
) -> Change:
    """Return the statements that write the given days of a table which has all columns."""
    query = model_relation(datasets, enrichment, model, days, reach).to_sql()
    columns, day = list(model.columns), model.docs.day
    if _adds_to_itself(model, reach):
        return load.merged(model.name, columns, query, model.docs.key)
    return load.replaced(model.name, columns, query, None if day is None else _scope(day, days))


def seed_resource(seed: Seed) -> DltResource:
    """Return the rows of a CSV file as a dlt resource."""
    columns = column_hints(seed.columns, seed.docs.columns)
    return rows_resource(seed.name, seed.rows, columns, "replace", seed.docs.comment)


def rows_resource(
    name: str, rows: list[dict[str, Any]], columns: TTableSchemaColumns, how: Any, comment: str
) -> DltResource:
    """Return a few rows from Python as a dlt resource. Without rows, dlt has to be told to create the table."""
    found = [rows] if rows else [dlt.mark.materialize_table_schema()]
    return _described(dlt.resource(found, name=name, write_disposition=how, columns=columns), comment)


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


def only_days(enrichment: Enrichment, model: Model, days: Days, reach: Reach = WHOLE) -> exp.Select:
    """Return the query of the model, limited to the given days of its inputs.

    Each scan is filtered, not the result: engines push no filter through a window function or an outer join. A summary
    is its stored rows and the days that `reach` adds to them. One that `reach` does not keep is built from every day.
    """
    if _adds_to_itself(model, reach):
        return summary_rows(enrichment, model, reach, only_fresh=True)
    query = model.query
    summaries = {one.name: enrichment.models[one.name] for one in model.inlines if one.docs.summary}
    owners = {file: one for one in summaries.values() for file in (one.name, *(inner.name for inner in one.inlines))}
    recent = {one.name for one in model.inlines if one.docs.recent}

    def condition(file: str, table: str, column: str) -> exp.Expr | None:
        if model.docs.summary:
            return reach.stored_days(model, column)
        if file in owners:
            return reach.added_days(owners[file], column, is_raw=table in enrichment.raw_tables)
        if file in recent:
            return reach.recent_days(column)
        return None if days is None else one_of(column, days)

    _filter_scans(query, enrichment, condition)
    for name, summary in summaries.items():
        # No CTE keeps the name of a table: dlt would read the table.
        name_whole(query, summary)
        if name in reach.kept:
            with_stored_rows(query, summary, reach.dataset)
    return query


def summary_rows(enrichment: Enrichment, summary: Model, reach: Reach, *, only_fresh: bool = False) -> exp.Select:
    """Return the rows of a summary as other queries read them, through a CTE with its `whole_name`.

    `only_fresh` leaves out stored rows to which the run adds nothing.
    """
    query = summary.query_by_name
    raw = enrichment.raw_tables
    _filter_scans(query, enrichment, lambda _, table, column: reach.added_days(summary, column, is_raw=table in raw))
    name_whole(query, summary)
    if summary.name in reach.kept:
        with_stored_rows(query, summary, reach.dataset, only_fresh=only_fresh)
    return query


def _adds_to_itself(model: Model, reach: Reach) -> bool:
    return model.docs.summary == TOUCHED and model.name in reach.kept


def _filter_scans(
    query: exp.Select, enrichment: Enrichment, condition: Callable[[str, str, str], exp.Expr | None]
) -> None:
    """Filter each scan of a table by day; `condition` gets the inlined file, the table and its day column."""
    for table in list(query.find_all(exp.Table)):
        column = enrichment.day_column(table.name)
        cte = table.find_ancestor(exp.CTE)
        # The CTEs of an inlined file are called `file__cte`.
        wanted = condition(cte.alias.partition("__")[0] if cte else "", table.name, column) if column else None
        if wanted:
            scan = exp.select("*").from_(exp.to_table(table.name)).where(wanted)
            table.replace(scan.subquery(table.alias or table.name))


def _merge_renames(query: exp.Select, model: Model) -> None:
    """Let the engine merge files that only rename columns into the steps that read them."""
    renames = {one.name for one in model.inlines if one.only_renames}
    for cte in query.ctes:
        if cte.alias in renames:
            cte.set("materialized", False)


def _disposition(model: Model, days: Days) -> Any:
    if model.docs.day is None:
        return "replace"
    # The scope deletes whole days, also a day without rows now, in one transaction with the insert.
    return {"disposition": "merge", "strategy": "delete-insert", "destination_scope": _scope(model.docs.day, days)}


def _scope(day: str, days: Days) -> str:
    return "1 = 1" if days is None else one_of(day, days).sql()
