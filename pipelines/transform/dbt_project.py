"""Write the models as a dbt project: the same SQL with `ref` and `source`, the same seeds, descriptions and tests.

The pipeline does not need it. It serves readers who run dbt: staging and intermediate become ephemeral models, tables
become tables, checks become tests.
"""

import shutil
from collections.abc import Mapping
from pathlib import Path

import yaml
from sqlglot import exp

from audit_source import schema
from pipelines.common.exit_codes import CONFIGURATION, PipelineError
from pipelines.common.names import DIALECT
from pipelines.warehouse.engine import engine_named
from pipelines.warehouse.sql_fixes import for_dialect
from pipelines.warehouse.table_names import input_tables

from .checks import read_checks
from .column_types import SQL_TYPES, typed
from .graph import Enrichment, read_enrichment
from .parse import MODELS_DIR, Model, raw_schema
from .seeds import Seed

PROJECT = "anaplan_audit"
RAW_SCHEMA, TARGET_SCHEMA = "anaplan_audit_raw", "anaplan_audit_dbt"

_PROJECT = {
    "name": PROJECT,
    "version": "1.0.0",
    "config-version": 2,
    "profile": PROJECT,
    "model-paths": ["models"],
    "seed-paths": ["seeds"],
    "test-paths": ["tests"],
    "flags": {"send_anonymous_usage_stats": False},
    "models": {
        PROJECT: {
            "staging": {"+materialized": "ephemeral"},
            "intermediate": {"+materialized": "ephemeral"},
            "summaries": {"+materialized": "table"},
            "marts": {"+materialized": "table"},
            "findings": {"+materialized": "table", "parts": {"+materialized": "ephemeral"}},
        }
    },
}


def write_project(folder: Path, dialect: str = DIALECT, models_dir: Path = MODELS_DIR) -> list[Path]:
    """Write the project in the SQL of a destination and return its files; older files there are removed.

    Raises:
        ModelError: A model cannot be built.
        PipelineError: The destination has no dbt profile.
    """
    profile = engine_named(dialect).dbt_profile()
    if profile is None:
        raise PipelineError(
            CONFIGURATION,
            f"option `--dialect`: `{dialect}` has no dbt profile. DuckDB and PostgreSQL have one.",
        )
    enrichment = read_enrichment(raw_schema(), models_dir)
    for part in ("models", "seeds", "tests"):
        shutil.rmtree(folder / part, ignore_errors=True)
    texts = {
        "dbt_project.yml": _yaml({**_PROJECT, "seeds": {PROJECT: _seed_types(enrichment)}}),
        "profiles.yml": _yaml(
            {PROJECT: {"target": dialect, "outputs": {dialect: {**profile, "schema": TARGET_SCHEMA}}}}
        ),
        "models/staging/sources.yml": _yaml(_sources()),
        **_sql_texts(enrichment, dialect, models_dir),
    }
    for file in models_dir.glob("*/*.yml"):
        place = file.parent.name if file.parent.name == "seeds" else f"models/{file.parent.name}"
        texts[f"{place}/{file.name}"] = file.read_text(encoding="utf-8")
    for seed in enrichment.seeds:
        texts[f"seeds/{seed.file.name}"] = seed.file.read_text(encoding="utf-8")
    for place, text in texts.items():
        (folder / place).parent.mkdir(parents=True, exist_ok=True)
        (folder / place).write_text(text, encoding="utf-8")
    return [folder / place for place in sorted(texts)]


def _sql_texts(enrichment: Enrichment, dialect: str, models_dir: Path) -> dict[str, str]:
    raw, texts = enrichment.raw_tables, {}
    for step in enrichment.inlined.values():
        layer = _layer(step.sql_file.file, models_dir)
        texts[f"models/{layer}/{step.name}.sql"] = _sql(step.sql_file.query, raw, dialect)
    for model in enrichment.models.values():
        layer = _layer(model.file, models_dir)
        if len(model.files) == 1:
            texts[f"models/{layer}/{model.name}.sql"] = _sql(typed(model.files[0].query, model.columns), raw, dialect)
            continue
        for one in model.files:
            name = _part_name(model, one.file)
            texts[f"models/{layer}/parts/{name}.sql"] = _sql(typed(one.query, model.columns), raw, dialect)
        texts[f"models/{layer}/{model.name}.sql"] = _sql(_union(model), raw, dialect)
    for name, query in read_checks(enrichment, models_dir).items():
        texts[f"tests/{name}.sql"] = _sql(query, raw, dialect)
    for name, table in enrichment.tables.items():
        # dbt has no test of its own for a key of several columns.
        if len(table.docs.key) > 1:
            texts[f"tests/{name}_key_unique.sql"] = _sql(_repeated_keys(name, table), raw, dialect)
    return texts


def _layer(file: Path, models_dir: Path) -> str:
    return file.relative_to(models_dir).parts[0]


def _part_name(model: Model, file: Path) -> str:
    return f"{model.name}__{file.stem}"


def _union(model: Model) -> exp.Select:
    columns = [exp.column(name) for name in model.columns]
    parts = [exp.select(*columns).from_(_part_name(model, one.file)) for one in model.files]
    rows = exp.union(*parts, distinct=False).subquery("parts")
    return exp.select(*(exp.column(name, "parts") for name in model.columns)).from_(rows)


def _repeated_keys(name: str, table: "Model | Seed") -> exp.Select:
    key = [exp.column(one) for one in table.docs.key]
    return exp.select(*key).from_(name).group_by(*key).having("count(*) > 1")


def _sql(query: exp.Query, raw: Mapping[str, object], dialect: str) -> str:
    """Return the query in a dialect, with each input as a `source` or a `ref` of dbt."""
    query, inputs = query.copy(), {}
    for table in input_tables(query):
        function = f"source('{RAW_SCHEMA}', '{table.name}')" if table.name in raw else f"ref('{table.name}')"
        inputs[f"dbt_input_{table.name}"] = f"{{{{ {function} }}}}"
        named = exp.alias_(exp.to_table(f"dbt_input_{table.name}"), table.alias or table.name, table=True)
        table.replace(named)
    text = for_dialect(query, dialect).sql(dialect, pretty=True)
    # The longest first: one name may begin with another.
    for name in sorted(inputs, key=len, reverse=True):
        text = text.replace(name, inputs[name])
    return text + "\n"


def _seed_types(enrichment: Enrichment) -> dict[str, object]:
    """Return the text columns of the seeds: dbt takes those of digits, or of a file without rows, for numbers."""
    texts = {seed.name: [name for name, kind in seed.columns.items() if kind == "text"] for seed in enrichment.seeds}
    return {seed: {"+column_types": dict.fromkeys(names, SQL_TYPES["text"])} for seed, names in texts.items() if names}


def _sources() -> dict[str, object]:
    tables = [
        {
            "name": table.name,
            "description": table.description,
            "columns": [{"name": one.name, "description": one.description} for one in table.all_columns],
        }
        for table in schema.TABLES
    ]
    return {"version": 2, "sources": [{"name": RAW_SCHEMA, "schema": RAW_SCHEMA, "tables": tables}]}


def _yaml(content: object) -> str:
    return str(yaml.safe_dump(content, sort_keys=False, allow_unicode=True, width=120))
