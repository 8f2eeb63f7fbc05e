"""The files for Power BI name what exists: tables, columns, values, and the measures and joins of the documents."""

import json
import re
from collections.abc import Iterator

import pytest

from pipelines.publish.meanings import primary_keys
from pipelines.transform.parse import MODELS_DIR
from pipelines.transform.table_docs import TableDocs, read_docs
from tests.conftest import REPOSITORY

FOLDER = REPOSITORY / "bi" / "powerbi"
MEASURES = (FOLDER / "measures.tmdl").read_text(encoding="utf-8")
RELATIONSHIPS = (FOLDER / "relationships.tmdl").read_text(encoding="utf-8")
README = (FOLDER / "README.md").read_text(encoding="utf-8")
# Which column of a fact joins which dimension.
JOINS = {
    "event_day": ("dim_date", "date_day"),
    "user_key": ("dim_users", "user_key"),
    "target_user_key": ("dim_users", "user_key"),
    "model_key": ("dim_models", "model_key"),
    "workspace_key": ("dim_workspaces", "workspace_key"),
    "event_type_id": ("dim_event_types", "event_type_id"),
}


@pytest.fixture(scope="module")
def tables() -> dict[str, TableDocs]:
    return {name: docs for folder in ("marts", "findings") for name, docs in read_docs(MODELS_DIR / folder).items()}


def measures() -> Iterator[tuple[str, str, str]]:
    """The table, name and expression of each measure."""
    for table, block in re.findall(r"^\tref table (\w+)\n(.*?)(?=^\tref |\Z)", MEASURES, re.MULTILINE | re.DOTALL):
        for name, expression in re.findall(r"^\t\tmeasure (?:'(.+?)'|\w+) = (.+)$", block, re.MULTILINE):
            yield table, name, expression


def test_measures_read_columns_and_values_that_exist(tables: dict[str, TableDocs]) -> None:
    read = list(measures())
    assert len(read) == MEASURES.count("\tmeasure ") == MEASURES.count("formatString: ") == MEASURES.count("/// ")
    for table, _, expression in read:
        assert set(re.findall(r"COUNTROWS\((\w+)\)", expression)) <= {table}
        for of, column, value in re.findall(r"(\w+)\[(\w+)\](?: = \"(\w+)\")?", expression):
            # A measure stands in the table that it reads.
            assert of == table and column in tables[of].columns, expression
            assert not value or value in tables[of].accepted_values[column], expression


def test_measures_are_those_of_the_documents() -> None:
    text = (REPOSITORY / "docs" / "bi.md").read_text(encoding="utf-8")
    table = text.split("| measure |")[1].split("\n\n")[0]
    named = re.findall(r"\[([^\]]+)\]", " ".join(line.rsplit(" | ", 1)[1] for line in table.splitlines()[2:]))
    assert sorted(named) == sorted(re.findall(r"^\t\tmeasure (?:')?(.+?)(?:')? = ", MEASURES, re.MULTILINE))


def test_relationships_lead_to_every_dimension_of_every_fact(tables: dict[str, TableDocs]) -> None:
    found = re.findall(
        r"^\trelationship \w+\n(?:\t\t(isActive: false)\n)?\t\tfromColumn: (\w+)\.(\w+)\n\t\ttoColumn: (\w+)\.(\w+)$",
        RELATIONSHIPS,
        re.MULTILINE,
    )
    assert len(found) == RELATIONSHIPS.count("\trelationship ")
    expected = {
        (fact, column): dimension
        for fact, docs in tables.items()
        for column, dimension in JOINS.items()
        if fact.startswith(("fct_", "agg_")) and column in docs.columns
    }
    assert {(fact, column): (dimension, key) for _, fact, column, dimension, key in found} == expected
    # The side of one holds each value once; and a fact has one active relationship to a dimension.
    assert all(primary_keys()[dimension] == (key,) for dimension, key in expected.values())
    active = [(fact, dimension) for inactive, fact, _, dimension, _ in found if not inactive]
    assert len(active) == len(set(active))


def test_readme_lists_every_table_that_the_files_name() -> None:
    named = {table for table, _, _ in measures()} | set(re.findall(r"Column: (\w+)\.", RELATIONSHIPS))
    assert set(re.findall(r"`((?:dim|fct|agg|security)_\w+)`", README)) - {"dim_users"} == named - {"dim_users"}


@pytest.mark.parametrize(("kind", "keys"), [("postgres", {"server", "database"}), ("folder", {"path"})])
def test_connections_hold_an_address_and_no_credentials(kind: str, keys: set[str]) -> None:
    whole = json.loads((FOLDER / f"audit-{kind}.pbids").read_text(encoding="utf-8"))
    (connection,) = whole["connections"]
    assert (whole["version"], connection["mode"], connection["options"]) == ("0.1", "Import", {})
    assert connection["details"].keys() == {"protocol", "address"}
    assert connection["details"]["address"].keys() == keys
    assert connection["details"]["protocol"] == {"postgres": "postgresql"}.get(kind, kind)
