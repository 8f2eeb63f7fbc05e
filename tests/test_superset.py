"""The bundle for Superset names what exists: tables, columns, values, measures and charts of the documents."""

import re
from pathlib import Path
from typing import Any

import pytest
import sqlglot
import yaml
from sqlglot import exp

from pipelines.transform.parse import MODELS_DIR
from pipelines.transform.table_docs import TableDocs, read_docs
from tests.conftest import REPOSITORY

FOLDER = REPOSITORY / "bi" / "superset"
BUNDLE = FOLDER / "anaplan_audit"
README = (FOLDER / "README.md").read_text(encoding="utf-8")


def files(folder: str) -> list[dict[str, Any]]:
    return [yaml.safe_load(path.read_text(encoding="utf-8")) for path in sorted((BUNDLE / folder).rglob("*.yaml"))]


DATASETS = {str(file["uuid"]): file for file in files("datasets")}
CHARTS = files("charts")
DATABASE = yaml.safe_load((BUNDLE / "databases" / "anaplan_audit.yaml").read_text(encoding="utf-8"))
DASHBOARD = yaml.safe_load((BUNDLE / "dashboards" / "anaplan_audit_log.yaml").read_text(encoding="utf-8"))
CHECKED = [pytest.param(file, id=file["slice_name"]) for file in CHARTS]


@pytest.fixture(scope="module")
def tables() -> dict[str, TableDocs]:
    return {name: docs for folder in ("marts", "findings") for name, docs in read_docs(MODELS_DIR / folder).items()}


def wrong_names(expression: str, docs: TableDocs) -> list[str]:
    """Return the columns and compared values of an expression that the table does not have."""
    parsed = sqlglot.parse_one(expression, read="duckdb")
    wrong = [column.name for column in parsed.find_all(exp.Column) if column.name not in docs.columns]
    for compared in parsed.find_all(exp.EQ):
        values = docs.accepted_values.get(compared.left.name, [compared.right.name])
        wrong += [compared.right.name] if compared.right.name not in values else []
    return wrong


@pytest.mark.parametrize("dataset", [pytest.param(file, id=file["table_name"]) for file in DATASETS.values()])
def test_datasets_hold_columns_that_exist(dataset: dict[str, Any], tables: dict[str, TableDocs]) -> None:
    docs = tables[dataset["table_name"]]
    assert (dataset["schema"], dataset["database_uuid"]) == ("anaplan_audit", DATABASE["uuid"])
    assert dataset["main_dttm_col"] in {column["column_name"] for column in dataset["columns"] if column.get("is_dttm")}
    computed = {column["column_name"]: column["expression"] for column in dataset["columns"] if "expression" in column}
    assert {column["column_name"] for column in dataset["columns"]} - computed.keys() <= docs.columns.keys()
    for expression in (*computed.values(), *(metric["expression"] for metric in dataset["metrics"])):
        assert wrong_names(expression, docs) == [], expression


@pytest.mark.parametrize("chart", CHECKED)
def test_charts_use_columns_and_measures_of_their_dataset(chart: dict[str, Any], tables: dict[str, TableDocs]) -> None:
    dataset, params = DATASETS[chart["dataset_uuid"]], chart["params"]
    docs = tables[dataset["table_name"]]
    columns = {column["column_name"] for column in dataset["columns"]}
    measures = {metric["metric_name"] for metric in dataset["metrics"]}
    used = {params.get("metric"), params.get("timeseries_limit_metric"), *params.get("metrics", ())} - {None}
    assert used and used <= measures
    grouped = [*params.get("groupby", ()), *filter(None, [params.get("x_axis")])]
    assert set(grouped) <= columns
    # An id tells a reader nothing, so a name comes before it.
    assert not grouped or not grouped[0].endswith("_id")
    simple = [rule for rule in params["adhoc_filters"] if rule["expressionType"] == "SIMPLE"]
    assert {rule["subject"] for rule in simple} <= columns
    # Without this, the period of the dashboard would not apply.
    periods = [rule["subject"] for rule in simple if rule["operator"] == "TEMPORAL_RANGE"]
    assert periods == [dataset["main_dttm_col"]]
    for rule in simple:
        named = rule["comparator"] if isinstance(rule["comparator"], list) else [rule["comparator"]]
        assert rule["subject"] not in docs.accepted_values or set(named) <= set(docs.accepted_values[rule["subject"]])
    for rule in params["adhoc_filters"]:
        assert "sqlExpression" not in rule or wrong_names(rule["sqlExpression"], docs) == []


def test_the_dashboard_shows_every_chart_once_and_every_dataset_is_shown() -> None:
    placed = [
        part["meta"] for part in DASHBOARD["position"].values() if isinstance(part, dict) and part["type"] == "CHART"
    ]
    assert sorted(meta["uuid"] for meta in placed) == sorted(chart["uuid"] for chart in CHARTS)
    assert len({meta["chartId"] for meta in placed}) == len(CHARTS) == 12
    # Superset imports no other dataset.
    assert {chart["dataset_uuid"] for chart in CHARTS} == DATASETS.keys()


def test_readme_lists_the_charts_with_their_datasets_and_figures() -> None:
    listed = re.findall(r"^\| ([^|]+) \| `(\w+)` \| ([^|]+) \|$", README, re.MULTILINE)
    assert {(title, table) for title, table, _ in listed} == {
        (chart["slice_name"], DATASETS[chart["dataset_uuid"]]["table_name"]) for chart in CHARTS
    }
    text = Path(REPOSITORY / "docs" / "metrics.md").read_text(encoding="utf-8")
    defined = {name.strip() for cell in re.findall(r"^\| ([^|]+) \|", text, re.MULTILINE) for name in cell.split(",")}
    assert {name.strip() for _, _, figures in listed for name in figures.split(", of ")[0].split(",")} <= defined


def test_the_connection_is_read_only_and_holds_no_credentials() -> None:
    assert DATABASE["extra"]["engine_params"]["connect_args"] == {"read_only": True}
    assert DATABASE["sqlalchemy_uri"] == "duckdb:////path/to/audit.duckdb"
    assert not {"password", "encrypted_extra"} & DATABASE.keys()
