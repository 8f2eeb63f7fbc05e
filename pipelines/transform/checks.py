"""Look for wrong rows in the enriched tables, and record the results.

Keys, accepted values and relationships are checked as the `.yml` files declare them. Every other check is a file in
`models/checks/`: a SELECT of the wrong rows. It may read raw and enriched tables. With a line `-- day: column`, it
looks at each day of that column on its own, and a check of some days limits it to them.
"""

import re
from contextlib import nullcontext
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import dlt
from dlt.destinations.sql_client import SqlClientBase
from dlt.extract import DltResource
from sqlglot import exp

from pipelines.common.exit_codes import CONFIGURATION, PipelineError
from pipelines.common.names import command_line
from pipelines.warehouse.engine import engine_of
from pipelines.warehouse.sql_fixes import for_dialect
from pipelines.warehouse.statement_load import has_columns, statement_load, stored_tables
from pipelines.warehouse.table_comments import write_new_comments
from pipelines.warehouse.table_names import name_datasets

from .check_scope import RESULTS, around, day_by_day, scan
from .graph import Enrichment, read_enrichment
from .materialize import SOURCE_NAME, column_hints, rows_resource
from .parse import CHECKS_FOLDER, MODELS_DIR
from .runner import raw_columns
from .sql_file import read_sql_file
from .summaries import Days
from .table_docs import TableDocs
from .validate import check_columns, check_inputs

SHOWN_ROWS = 3
SHOWN_CHARACTERS = 500
_DAY_LINE = re.compile(r"^-- day: (\w+)$", re.MULTILINE)

RESULTS_DESCRIPTION = "What the data checks found, run after run; a run whose checks failed ends with exit code 6."
RESULTS_GRAIN = "One row per check and run"
RESULT_COLUMNS: dict[str, tuple[str, str]] = {
    "check_name": ("text", "Table and rule, or the file of the check"),
    "status": ("text", "`passed` or `failed`"),
    "failing_rows": ("bigint", "Number of wrong rows"),
    "first_rows": ("text", "The first wrong rows, shortened"),
    "checked_at": ("timestamp", "When it was checked (UTC); the same for all checks of one run"),
    "checked_days": ("bigint", "Number of days that were checked; empty for all days"),
}


@dataclass(frozen=True)
class CheckResult:
    """The result of one check: the number of wrong rows, and the first of them."""

    name: str
    failing_rows: int
    first_rows: str
    checked_at: datetime

    @property
    def passed(self) -> bool:
        """Whether no row fails."""
        return self.failing_rows == 0

    def line(self) -> str:
        """Return the result in one line, with texts of the tenant escaped."""
        if self.passed:
            return f"check {self.name}: passed"
        return f"check {self.name}: {self._wrong_rows}, first {self.first_rows}"

    def short_line(self) -> str:
        """Return the result in one line without any text of the tenant."""
        return f"check {self.name}: {self._wrong_rows}, see `check_results`."

    @property
    def _wrong_rows(self) -> str:
        return f"{self.failing_rows:,} wrong row{'' if self.failing_rows == 1 else 's'}"


def check(
    pipeline: dlt.Pipeline, raw: dlt.Pipeline, models_dir: Path = MODELS_DIR, days: Days = None
) -> list[CheckResult]:
    """Run every check on the enriched dataset of `pipeline` and append the results to `check_results`.

    `days` limits the checks of tables that are written by day; None means all days.

    Raises:
        PipelineError: The enriched tables do not exist yet.
        ModelError: A check names a table or column that does not exist.
    """
    enrichment = read_enrichment(raw_columns(raw.dataset()), models_dir, validate=False)
    built: set[str] = set(pipeline.default_schema.tables) if pipeline.default_schema_name else set()
    if not built.issuperset(enrichment.tables):
        raise PipelineError(CONFIGURATION, f"the enriched tables are not built yet ({command_line('enrich')}).")
    checks = {**declared_checks(enrichment, days), **read_checks(enrichment, models_dir, days)}
    checked_at = datetime.now(timezone.utc)
    dialect = str(pipeline.dataset().destination_dialect)
    # For names only, never opened: a DuckLake with a DuckDB file as catalogue accepts one connection.
    raw_client = raw.sql_client()
    with pipeline.sql_client() as client:
        queries = {
            name: qualified(query, enrichment, client, raw_client).sql(dialect) for name, query in checks.items()
        }
        results = [
            CheckResult(name, count, _first_rows(client, queries[name], checks[name]) if count else "", checked_at)
            for name, count in _counts(client, queries, engine_of(pipeline).checks_per_statement).items()
        ]
    _record(pipeline, results, days)
    return results


def declared_checks(enrichment: Enrichment, days: Days = None) -> dict[str, exp.Query]:
    """Return the checks that the `.yml` files declare."""
    checks: dict[str, exp.Query] = {}
    for name, table in enrichment.tables.items():
        for rule, query in _rules(name, table.docs, days).items():
            checks[f"{name}.{rule}"] = query
    return checks


def _rules(name: str, docs: TableDocs, days: Days) -> dict[str, exp.Query]:
    key = [exp.column(column) for column in docs.key]
    table = scan(name, docs.day, days)
    # A key without the day can be in another day too.
    colliding = table if docs.day in docs.key else scan(name, docs.day, around(days))
    rules: dict[str, exp.Query] = {
        "key_unique": exp.select(*key).from_(colliding).group_by(*key).having("count(*) > 1"),
    }
    filled = [exp.column(column).is_(exp.null()) for column in docs.key if column not in docs.nullable]
    if filled:
        rules["key_filled"] = exp.select(*key).from_(table).where(exp.or_(*filled))
    for column in docs.unique:
        if docs.key != (column,):
            rules[f"{column}_unique"] = exp.select(column).from_(colliding).group_by(column).having("count(*) > 1")
    for column in docs.not_null:
        if column not in docs.key:
            rules[f"{column}_filled"] = exp.select(*key).from_(table).where(exp.column(column).is_(exp.null()))
    for column, values in docs.accepted_values.items():
        known = exp.column(column).isin(*(exp.Literal.string(value) for value in values))
        shown = [*docs.key, *([] if column in docs.key else [column])]
        rules[f"{column}_accepted"] = exp.select(*shown).from_(table).where(exp.not_(known))
    for column, reference in docs.relationships.items():
        parent, _, parent_column = reference.partition(".")
        children = exp.select(column).from_(table).where(exp.column(column).is_(exp.null()).not_())
        if docs.key != (column,):
            children = children.distinct()
        rules[f"{column}_resolves"] = _orphans(children, column, parent, parent_column)
    return rules


def _orphans(children: exp.Select, column: str, parent: str, parent_column: str) -> exp.Query:
    # No `distinct`: repeated parents cannot add an orphan, and a `distinct` over millions of keys is slow.
    parents = exp.select(exp.column(parent_column).as_("parent_key")).from_(parent).subquery("parents")
    return (
        exp.select(exp.column(column, "children"))
        .from_(children.subquery("children"))
        .join(parents, on=exp.column(column, "children").eq(exp.column("parent_key", "parents")), join_type="left")
        .where(exp.column("parent_key", "parents").is_(exp.null()))
    )


def read_checks(enrichment: Enrichment, models_dir: Path, days: Days = None) -> dict[str, exp.Query]:
    """Return the checks of the folder, by file name."""
    known = {**enrichment.raw_tables, **{name: table.columns for name, table in enrichment.tables.items()}}
    checks: dict[str, exp.Query] = {}
    for file in sorted((models_dir / CHECKS_FOLDER).glob("*.sql")):
        sql_file = read_sql_file(file)
        check_inputs(sql_file, known)
        check_columns(sql_file, known)
        day = _DAY_LINE.search(file.read_text(encoding="utf-8"))
        checks[file.stem] = day_by_day(sql_file.query, day[1], enrichment, days) if day else sql_file.query
    return checks


def qualified(
    query: exp.Query, enrichment: Enrichment, client: SqlClientBase[Any], raw_client: SqlClientBase[Any]
) -> exp.Query:
    """Return the query for the client's dialect, with every table named with its dataset."""
    query = for_dialect(query.copy(), str(client.capabilities.sqlglot_dialect))
    name_datasets(query, lambda table: raw_client if table in enrichment.raw_tables else client)
    return query


def _counts(client: SqlClientBase[Any], queries: dict[str, str], at_once: int | None) -> dict[str, int]:
    """Return the number of wrong rows of each check, counted on one snapshot of the data.

    `at_once` is the most checks that one statement counts, None for all.
    """
    counts = [
        f"SELECT {number} AS number, COUNT(*) AS failing FROM ({query}) AS rows_{number}"
        for number, query in enumerate(queries.values())
    ]
    step = at_once or len(counts)
    with client.begin_transaction() if at_once else nullcontext():
        rows = [
            row
            for start in range(0, len(counts), step)
            for row in client.execute_sql(" UNION ALL ".join(counts[start : start + step])) or []
        ]
    found = {int(number): int(failing) for number, failing in rows}
    return {name: found[number] for number, name in enumerate(queries)}


def _first_rows(client: SqlClientBase[Any], text: str, query: exp.Query) -> str:
    """Return the first wrong rows as `column='value'`; ascii() keeps control characters out of terminals and logs."""
    rows = client.execute_sql(f"SELECT * FROM ({text}) AS wrong LIMIT {SHOWN_ROWS}") or []
    shown = [[ascii(str(value)) if value is not None else "NULL" for value in row] for row in rows]
    text = "; ".join(", ".join(map("=".join, zip(query.named_selects, row, strict=True))) for row in shown)
    return text if len(text) <= SHOWN_CHARACTERS else text[: SHOWN_CHARACTERS - 1] + "…"


def _record(pipeline: dlt.Pipeline, results: list[CheckResult], days: Days) -> None:
    kinds = {name: kind for name, (kind, _) in RESULT_COLUMNS.items()}
    rows = [
        {
            "check_name": result.name,
            "status": "passed" if result.passed else "failed",
            "failing_rows": result.failing_rows,
            "first_rows": result.first_rows or None,
            "checked_at": result.checked_at,
            "checked_days": None if days is None else len(days),
        }
        for result in results
    ]
    if engine_of(pipeline).loads_by_statement and has_columns(stored_tables(pipeline).get(RESULTS, {}), kinds):
        with statement_load(pipeline) as load:
            load.append(RESULTS, rows)
        return
    columns = column_hints(kinds, {name: meaning for name, (_, meaning) in RESULT_COLUMNS.items()})

    @dlt.source(name=SOURCE_NAME)
    def checks() -> DltResource:
        return rows_resource(RESULTS, rows, columns, "append", f"{RESULTS_DESCRIPTION} {RESULTS_GRAIN}.")

    pipeline.run(checks())
    write_new_comments(pipeline)
