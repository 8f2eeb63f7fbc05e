"""Builds the enriched tables: runs the models in the destination, layer after layer.

Each layer is one dlt run of `INSERT ... SELECT` statements; no row leaves the destination. What was
already enriched is remembered in the pipeline's state, which commits with the last layer: a run that
died between layers is repeated, and repeating rewrites the same days with the same rows.
"""

import hashlib
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timezone
from pathlib import Path
from typing import Any

import dlt
from dlt.common import logger
from dlt.destinations.exceptions import DatabaseUndefinedRelation

from pipelines.common.exit_codes import CONFIGURATION, PipelineError
from pipelines.common.names import DIALECT
from pipelines.warehouse.restore_tables import lacking_tables, restore_tables
from pipelines.warehouse.table_comments import write_comments

from .graph import Enrichment, check_models, read_enrichment
from .incremental import FACTS, WATCHED, Watermark, read_watermark, touched_days
from .materialize import Days, State, model_resource, run_layer, seed_resource, stored_state
from .parse import MODELS_DIR, Model
from .version_history import correct_versions, wrong_versions


@dataclass(frozen=True)
class EnrichReport:
    """What an enrichment did; `days` is None where every day was written."""

    tables: list[str]
    rebuilt: list[str]
    days: list[date] | None
    seconds: float
    load_ids: list[str]

    def line(self) -> str:
        """The report in one line."""
        days = "all days" if self.days is None else f"{len(self.days)} day{'' if len(self.days) == 1 else 's'}"
        rebuilt = f", {len(self.rebuilt)} of them as a whole" if self.rebuilt and self.days is not None else ""
        return f"{len(self.tables)} tables{rebuilt}, {days}"


@dataclass(frozen=True)
class _Plan:
    """Which days are rewritten, which tables are built anew (`lacking`: somebody dropped them), and the two states."""

    days: Days
    rebuilt: set[str]
    lacking: set[str]
    state_before: State
    state_after: State

    @property
    def is_idle(self) -> bool:
        """Whether every table would come out as it is. On another day some would not: they count days until today."""
        return self.days == set() and not self.rebuilt and not self.lacking and self.state_before == self.state_after

    def days_of(self, model: Model) -> Days:
        return None if model.docs.day is None or model.name in self.rebuilt else self.days


def enrich(
    pipeline: dlt.Pipeline, raw: dlt.Pipeline, *, full_refresh: bool = False, models_dir: Path = MODELS_DIR
) -> EnrichReport:
    """Brings the enriched dataset of `pipeline` up to date with the raw dataset of `raw`.

    Days are rewritten where loads brought events or names changed; a table is rewritten as a whole where its
    model or an input of it changed, or with `full_refresh`. Interrupted anywhere, it is repeated by the next call.

    Raises:
        ModelError: A model cannot be built; nothing was written.
        PipelineError: Nothing was ever loaded.
    """
    started = time.monotonic()
    raw_dataset = raw.dataset()
    columns = raw_columns(raw_dataset)
    if pipeline.has_pending_data:
        pipeline.abort_packages()
    enrichment = read_enrichment(columns, models_dir, validate=False)
    if stored_state(pipeline).get("checked") != _inputs_hash(enrichment):
        check_models(enrichment)
    repaired = _repair_versions(pipeline, raw)
    plan = _plan(pipeline, raw_dataset, enrichment, full_refresh or repaired)
    if plan.is_idle:
        write_comments(pipeline)
        return EnrichReport(list(enrichment.tables), [], [], time.monotonic() - started, [])
    load_ids: list[str] = []
    if plan.lacking:
        # Forgotten first: a run that dies after they are made anew must not take the empty tables for full ones.
        load_ids += run_layer(pipeline, [], plan.state_before)
        restore_tables(pipeline, plan.lacking)
    for number in range(1, len(enrichment.layers) + 1):
        state = plan.state_after if number == len(enrichment.layers) else plan.state_before
        load_ids += _run_layer(pipeline, raw_dataset, enrichment, plan, number, state)
    _forget_old_schemas(pipeline)
    write_comments(pipeline)
    return EnrichReport(
        tables=list(enrichment.tables),
        rebuilt=sorted(plan.rebuilt),
        days=None if plan.days is None else sorted(plan.days),
        seconds=time.monotonic() - started,
        load_ids=load_ids,
    )


def _repair_versions(pipeline: dlt.Pipeline, raw: dlt.Pipeline) -> bool:
    """Correct versions of the directory that run backwards; whether there were any."""
    wrong = wrong_versions(raw)
    if not wrong:
        return False
    if pipeline.default_schema_name:
        # Forgotten first: a run that dies after the correction must not take the tables for right.
        run_layer(pipeline, [], {**stored_state(pipeline), "models": {}})
    correct_versions(raw, wrong)
    logger.warning(
        f"{len(wrong):,} records of the directory had versions that ran backwards, as a clock that was set back leaves "
        "them. They were put in order, and every table is built again."
    )
    return True


def _run_layer(
    pipeline: dlt.Pipeline, raw: dlt.Dataset, enrichment: Enrichment, plan: _Plan, number: int, state: State
) -> list[str]:
    dataset = raw if number == 1 else pipeline.dataset()
    models = enrichment.layers[number - 1]
    stored: dict[str, Any] = dict(pipeline.default_schema.tables) if pipeline.default_schema_name else {}
    outdated = [model for model in models if _is_outdated(model, stored.get(model.name, {}).get("columns", {}))]
    # A server may still be inserting for a run that was killed, and commit it later.
    dies_with_us = pipeline.destination.destination_type.endswith(".duckdb")
    load_ids: list[str] = []
    if outdated:
        rebuilt = [model_resource(dataset, enrichment, model, None, is_new=dies_with_us) for model in outdated]
        load_ids += run_layer(pipeline, rebuilt, plan.state_before, rebuild=True)
    seeds = enrichment.seeds if number == 1 else ()
    resources = [seed_resource(seed) for seed in seeds if seed.name in plan.rebuilt]
    for model in models:
        if model not in outdated:
            is_new = dies_with_us and model.name not in stored and not _exists(pipeline, model.name)
            resources.append(model_resource(dataset, enrichment, model, plan.days_of(model), is_new=is_new))
    return load_ids + run_layer(pipeline, resources, state)


def _exists(pipeline: dlt.Pipeline, table: str) -> bool:
    """Asks the destination itself: of a first run that died, dlt remembers no schema, but the rows are there."""
    with pipeline.sql_client() as client:
        try:
            client.execute_sql(f"SELECT 1 FROM {client.make_qualified_table_name(table)} WHERE 1 = 0")
        except DatabaseUndefinedRelation:
            return False
    return True


def _is_outdated(model: Model, stored: Mapping[str, Any]) -> bool:
    """Return whether the table has a column of another type, or one that the model no longer returns.

    A table with `_dlt_id` was a seed: dlt wants the column filled, and a query does not fill it.
    """
    return "_dlt_id" in stored or any(
        model.columns.get(name) != column.get("data_type")
        for name, column in stored.items()
        if not name.startswith("_dlt")
    )


def _plan(pipeline: dlt.Pipeline, raw: dlt.Dataset, enrichment: Enrichment, full_refresh: bool) -> _Plan:
    state = stored_state(pipeline)
    now = read_watermark(raw)
    wanted = fingerprints(enrichment, _catalogue_hash(raw))
    built = {} if full_refresh else state.get("models", {})
    existing: set[str] = set(pipeline.default_schema.tables) if pipeline.default_schema_name else set()
    lacking = set(lacking_tables(pipeline)) & set(enrichment.tables)
    missing = lacking | (set(wanted) - existing)
    rebuilt = {name for name, value in wanted.items() if built.get(name) != value or name in missing}
    days: Days = None
    if FACTS in wanted and FACTS not in rebuilt:
        days = touched_days(raw, pipeline.dataset(), Watermark(state.get("events"), state.get("directory")))
    # Until the last layer is written, what is being rebuilt counts as not built.
    before = {**state, "models": {name: value for name, value in built.items() if name not in rebuilt}}
    moment, tables = datetime.now(timezone.utc), enrichment.tables.items()
    reads = {name for model in enrichment.models.values() for name in model.inputs if name in enrichment.raw_tables}
    # Of other raw tables, which a model of the user's may read, nobody knows whether they have changed.
    as_of = moment.date().isoformat() if reads <= WATCHED else moment.isoformat()
    after = {
        "events": now.events,
        "directory": now.directory,
        "logins": now.logins,
        "as_of": as_of,
        "models": wanted,
        "checked": _inputs_hash(enrichment),
        "descriptions": _hash([(name, table.docs.columns, table.docs.comment) for name, table in sorted(tables)]),
    }
    return _Plan(days, rebuilt, lacking, before, after)


def fingerprints(enrichment: Enrichment, catalogue: str) -> dict[str, str]:
    """For each table a hash of its rows, or of its SQL and all it is built from: where it differs, it is outdated."""
    found = {name: catalogue if name == "event_types" else name for name in enrichment.raw_tables}
    found.update({seed.name: _hash(seed.columns, seed.rows) for seed in enrichment.seeds})
    for layer in enrichment.layers:
        for model in layer:
            inputs = [found[name] for name in sorted(model.inputs)]
            files = [*model.files, *(one.sql_file for one in model.inlines)]
            found[model.name] = _hash([one.tokens for one in files], model.docs.day, inputs)
    return {name: found[name] for name in enrichment.tables}


def raw_columns(raw: dlt.Dataset) -> dict[str, dict[str, str]]:
    """The columns of the raw tables, with dlt's types.

    Raises:
        PipelineError: Nothing was ever loaded.
    """
    tables = raw.schema.tables
    if "events" not in tables:
        raise PipelineError(CONFIGURATION, "there are no raw tables yet: load first (python -m pipelines.audit run).")
    return {
        name: {column: str(hints["data_type"]) for column, hints in table["columns"].items() if "data_type" in hints}
        for name, table in tables.items()
        if not name.startswith("_dlt")
    }


def _forget_old_schemas(pipeline: dlt.Pipeline) -> None:
    """Deletes all but the present schema: dlt keeps each one it ever saw, and every new set of days makes one."""
    schema = pipeline.default_schema
    with pipeline.sql_client() as client:
        table = client.make_qualified_table_name(schema.version_table_name)
        name, version = (
            client.escape_column_name(schema.naming.normalize_identifier(column))
            for column in ("schema_name", "version_hash")
        )
        client.execute_sql(
            f"DELETE FROM {table} WHERE {name} = %s AND {version} <> %s", schema.name, schema.stored_version_hash
        )


def _catalogue_hash(raw: dlt.Dataset) -> str:
    query = "select event_type_code, category, event_message, object_kind from event_types"
    return _hash(sorted(map(str, raw(query, query_dialect=DIALECT).fetchall())))


def _inputs_hash(enrichment: Enrichment) -> str:
    """A hash of all that `check_models` looks at."""
    return _hash(fingerprints(enrichment, ""), {name: dict(types) for name, types in enrichment.raw_tables.items()})


def _hash(*values: Any) -> str:
    return hashlib.sha256(json.dumps(values, sort_keys=True, default=str).encode()).hexdigest()[:16]
