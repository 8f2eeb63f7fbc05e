"""Build the enriched tables: run the models in the destination, each after those that it reads.

No row leaves the destination. The pipeline's state holds the watermark and commits last. A run that dies before is
retry-safe: the next run rewrites the same days with the same rows.
"""

import time
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import dlt
from dlt.common import logger

from pipelines.common.exit_codes import CONFIGURATION, PipelineError
from pipelines.common.names import command_line
from pipelines.warehouse.engine import engine_of
from pipelines.warehouse.table_comments import write_new_comments

from .addresses import named_addresses
from .by_layers import write_by_layers
from .by_statements import write_by_statements
from .graph import check_models, read_enrichment
from .materialize import run_layer, stored_state
from .parse import MODELS_DIR
from .plan import inputs_hash, make_plan
from .raw_signs import read_signs
from .table_progress import OnTable, counted, say_nothing
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
    on_table: OnTable = say_nothing,
) -> EnrichReport:
    """Bring the enriched dataset of `pipeline` up to date with the raw dataset of `raw`.

    Days are rewritten if loads brought events or names changed. A table is rewritten as a whole if its model or input
    changed, or with `full_refresh`. The next call repeats a run that was interrupted. `recount` looks for days
    that lost rows, builds the summaries from all days and writes every table without days, which is done once a day
    otherwise. `on_table` is told each table that begins.

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
    signs = read_signs(raw_dataset)
    enrichment = named_addresses(pipeline, raw_dataset, enrichment, signs.watermark, full_refresh or recount)
    if stored_state(pipeline).get("checked") != inputs_hash(enrichment):
        check_models(enrichment)
    repaired = bool(signs.wrong_versions) and _repair_versions(pipeline, raw)
    if repaired:
        signs = read_signs(raw_dataset)
    plan = make_plan(pipeline, raw_dataset, enrichment, signs, full_refresh or repaired, recount)
    if plan.is_idle and not recount:
        write_new_comments(pipeline)
        return EnrichReport(list(enrichment.tables), [], [], time.monotonic() - started, [])
    write = write_by_statements if engine_of(pipeline).loads_by_statement else write_by_layers
    due = sum(name not in plan.unchanged for name in enrichment.models)
    load_ids = write(pipeline, raw_dataset, enrichment, plan, counted(due, on_table))
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


def raw_columns(raw: dlt.Dataset) -> dict[str, dict[str, str]]:
    """Return the columns of the raw tables, with dlt's types.

    Raises:
        PipelineError: Nothing was loaded yet.
    """
    tables = raw.schema.tables
    if "events" not in tables:
        raise PipelineError(CONFIGURATION, f"there are no raw tables yet: load first ({command_line('run')}).")
    return {
        name: {column: str(hints["data_type"]) for column, hints in table["columns"].items() if "data_type" in hints}
        for name, table in tables.items()
        if not name.startswith("_dlt")
    }
