"""The SQL that dlt would send to a warehouse: dlt's own translation on DuckDB, under another dialect's name."""

from collections.abc import Callable

import dlt
import duckdb
import sqlglot
from dlt.common.schema.utils import new_table
from sqlglot import exp

from audit_source import schema
from pipelines.common.names import DIALECT
from pipelines.transform.checks import declared_checks, qualified, read_checks
from pipelines.transform.graph import Enrichment, read_enrichment
from pipelines.transform.materialize import only_days
from pipelines.transform.parse import MODELS_DIR, Model
from pipelines.transform.summaries import WHOLE, Reach
from pipelines.warehouse.engine import engine_named
from pipelines.warehouse.sql_fixes import for_dialect
from tests.support.raw_rows import VALIDITY

RAW, ENRICHED = "anaplan_audit_raw", "anaplan_audit"
RAW_TABLES: dict[str, dict[str, str]] = {
    table.name: {column.name: column.data_type for column in table.columns}
    | (dict.fromkeys(VALIDITY, "timestamp") if table.history else {})
    for table in schema.TABLES
}
ENRICHMENT: Enrichment = read_enrichment(RAW_TABLES)

# Snowflake folds names to upper case, and so does dlt.
CASE_FOLDING: dict[str, Callable[[str], str]] = {"snowflake": str.upper}

# Spark stands in for the destination that runs on it.
RULES: dict[str, str] = {"spark": "databricks"}


class Translator:
    """Translates models and checks to the SQL of one warehouse: that of a run that builds every table as a whole."""

    def __init__(self, dialect: str, reach: Reach = WHOLE) -> None:
        self.dialect, self._reach = dialect, reach
        self._rules = RULES.get(dialect, dialect)
        self._connection = duckdb.connect()
        self._raw = self._dataset(RAW, RAW_TABLES)
        self._enriched = self._dataset(
            ENRICHED, {name: dict(table.columns) for name, table in ENRICHMENT.tables.items()}
        )

    def models(self) -> dict[str, str]:
        """Return every model, inputs first."""
        return {model.name: self.model(model) for layer in ENRICHMENT.layers for model in layer}

    def model(self, model: Model) -> str:
        dataset = self._raw if model.inputs & set(RAW_TABLES) else self._enriched
        query = only_days(ENRICHMENT, model, None, self._reach)
        text = dataset(for_dialect(query, self._rules), query_dialect=DIALECT).to_sql()
        # dlt parses the translation again to order the columns like the table's.
        return str(sqlglot.parse_one(text, dialect=self.dialect).sql(self.dialect))

    def over_both_datasets(self, query: str) -> str:
        """Return a query in DuckDB's dialect over tables of the raw and the enriched dataset."""
        parsed = sqlglot.parse_one(query, dialect=DIALECT)
        assert isinstance(parsed, exp.Query)
        return engine_named(self._rules).relation(self._raw, parsed, self._enriched).to_sql()

    def checks(self) -> dict[str, str]:
        """Return every check, including those declared in models.yml."""
        found: dict[str, exp.Query] = {**declared_checks(ENRICHMENT), **read_checks(ENRICHMENT, MODELS_DIR)}
        clients = self._enriched.sql_client, self._raw.sql_client
        return {name: qualified(query, ENRICHMENT, *clients).sql(self.dialect) for name, query in found.items()}

    def _dataset(self, name: str, tables: dict[str, dict[str, str]]) -> dlt.Dataset:
        known = dlt.Schema(name)
        for table, columns in tables.items():
            hints = [{"name": column, "data_type": kind, "nullable": True} for column, kind in columns.items()]
            known.update_table(new_table(table, columns=hints))
        folding = {"casefold_identifier": CASE_FOLDING[self.dialect]} if self.dialect in CASE_FOLDING else {}
        destination = dlt.destinations.duckdb(self._connection, sqlglot_dialect=self.dialect, **folding)
        return dlt.dataset(destination, name, schema=known)


WAREHOUSES = ("postgres", "snowflake", "bigquery", "databricks", "redshift", "clickhouse", "trino", "spark")


# SQL that parses but fails or has another meaning, by warehouse.
WRONG: dict[str, str] = {
    "snowflake": r"\bSTRPOS\(|\bSTRING_AGG\(",
    # DATE_DIFF has no units below a day; INTERVAL takes a number.
    "bigquery": r"DATE_DIFF\([^()]*(\([^()]*\)[^()]*)*, (SECOND|MINUTE|HOUR)\)|TIME_TO_UNIX|INTERVAL '|SPLIT_PART|::",
    "databricks": r"\bSTRPOS\(|STRING_AGG",
    # The order of a LISTAGG follows its brackets.
    "redshift": r"LISTAGG\([^()]*ORDER BY|STRING_AGG|LISTAGG\((?:[^()]|\([^()]*\))*ORDER BY",
    # DateTime holds whole seconds up to 2106, and a cast from text accepts no offset. Functions have lower case.
    "clickhouse": r"Nullable\(DateTime\)|[+]00:00|STRPOS|TRANSLATE\(|TIME_TO_UNIX",
    "trino": r"STRING_AGG|TIMESTAMPTZ|::",
}
