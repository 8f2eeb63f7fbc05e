"""SQL that several files repeat, because they hold no templates: each copy gives what the others give."""

import re
from collections.abc import Iterator
from typing import Any

import duckdb
import pytest
from sqlglot import exp, parse_one

from audit_source import schema
from pipelines.common.names import DIALECT
from pipelines.transform import incremental
from pipelines.transform.parse import MODELS_DIR
from pipelines.transform.sql_file import read_sql_file

STAGING = sorted((MODELS_DIR / "staging").glob("*.sql"))
RAW_TABLES = {table.name for table in schema.TABLES}

PLAIN, USER, OBJECT = "plain", "user", "object"
# What an id is follows from its column. In `stg_event_ids`, it follows from `place`.
USERS = {"user_id", "target_user_id", "last_modified_by"}
PLACES = {"actor": USER, "target": USER, "object": OBJECT, "model": PLAIN, "workspace": PLAIN, "code": PLAIN}

HEX, OTHER = "8A80D86A5565443F01557F053E6719BA", "00000000000000000000000000000001"
SENT = [
    *(HEX, HEX.lower(), HEX.capitalize(), OTHER, HEX[:-1], f"{HEX}0", f"{HEX[:-1]}G", "9999", "", None),
    *("INTERNAL_5", "internal_5", "Internal_Ab", "not internal_5", "con_P7JGok4rAnkvJArx"),
    *(f"{HEX}/{OTHER}", f"{HEX}/{HEX}", f"null/{HEX}", f"{HEX}/null", f"NULL/{HEX}", f"{HEX}/Page", "Null/null"),
    *(f"{HEX}-{HEX}", f"{HEX}/{HEX}/{HEX}"),
]


def expected_id(sent: str | None, kind: str) -> str | None:
    """Return the id as every file has to fold it."""
    if sent is None:
        return None
    if kind != PLAIN and sent.lower().startswith("internal"):
        return sent.upper()
    parts = sent.split("/") if kind == OBJECT else [sent]
    known = [part for part in parts if part.lower() != "null"]
    is_folded = len(parts) <= 2 and known and all(re.fullmatch("[0-9a-fA-F]{32}", part) for part in known)
    return sent.lower() if is_folded else sent


def folded_columns(query: exp.Expr) -> dict[str, exp.Expr]:
    """Return the expressions that fold an id, by the names of their columns."""
    return {one.alias: one.this for one in query.find_all(exp.Alias) if "123456789abcdef" in _literals(one.this)}


def _literals(expression: exp.Expr) -> set[str]:
    return {one.name for one in expression.find_all(exp.Literal)} if expression.find(exp.Case) else set()


def copies() -> Iterator[Any]:
    """Return each expression that folds an id, with the kind of the id."""
    for file in STAGING:
        for column, folded in folded_columns(read_sql_file(file).query).items():
            if column == "referenced_id":
                for place, kind in PLACES.items():
                    yield pytest.param(folded, place, kind, id=f"{file.stem}.{column} of {place}")
            else:
                kind = USER if column in USERS else OBJECT if column == "object_id" else PLAIN
                yield pytest.param(folded, "", kind, id=f"{file.stem}.{column}")
    yield pytest.param(parse_one(incremental.folded_id("id"), dialect=DIALECT), "", PLAIN, id="folded_id")


@pytest.mark.parametrize(("folded", "place", "kind"), list(copies()))
def test_each_copy_folds_ids_alike(folded: exp.Expr, place: str, kind: str) -> None:
    def sent_id(node: exp.Expr) -> exp.Expr:
        if not isinstance(node, exp.Column):
            return node
        return exp.Literal.string(place) if node.name == "place" else exp.column("sent")

    query = f"select {folded.transform(sent_id).sql(DIALECT)} from (select unnest(?::varchar[]) as sent)"
    found = [row[0] for row in duckdb.execute(query, [SENT]).fetchall()]
    assert dict(zip(SENT, found, strict=True)) == {sent: expected_id(sent, kind) for sent in SENT}


def test_no_file_of_staging_leaves_an_id_unfolded() -> None:
    files = {file.stem: read_sql_file(file) for file in STAGING}
    of_raw_tables = {name: file for name, file in files.items() if file.inputs & RAW_TABLES}
    folded = {name: folded_columns(file.query).keys() for name, file in of_raw_tables.items()}
    names = set[str]().union(*folded.values())
    assert names > {*USERS, "object_id", "second_object_id", "model_id", "workspace_id", "integration_id"}
    unfolded = {name: names & set(file.query.named_selects) - folded[name] for name, file in of_raw_tables.items()}
    assert {name: columns for name, columns in unfolded.items() if columns} == {}


VERSION_FILES = ["staging/stg_directory_versions", "intermediate/int_action_versions"]
VERSION_FILES += ["intermediate/int_integration_versions"]
# `key` is replaced by the columns that identify a record.
VERSION_COLUMNS = {
    "rank_at_start": "row_number() over (partition by {key}, valid_from"
    " order by case when valid_to is null then 0 else 1 end, valid_to desc, row_version)",
    "version": "row_number() over (partition by {key} order by valid_from)",
    "version_rank": "row_number() over (partition by {key} order by valid_from desc)",
    "starts_at": "case when row_number() over (partition by {key} order by valid_from) = 1"
    " then cast(cast('1900-01-01' as date) as timestamptz) else valid_from end",
    "ends_at": "coalesce(lead(valid_from) over (partition by {key} order by valid_from),"
    " cast(cast('2100-01-01' as date) as timestamptz))",
}


@pytest.mark.parametrize("name", VERSION_FILES)
def test_each_history_puts_its_versions_in_order_alike(name: str) -> None:
    file = MODELS_DIR / f"{name}.sql"
    (key,) = re.findall(r"^-- key: (.+), version$", file.read_text(encoding="utf-8"), re.MULTILINE)
    query = read_sql_file(file).query
    found = {one.alias: _without_table(one.this) for one in query.find_all(exp.Alias) if one.alias in VERSION_COLUMNS}
    expected = {
        column: parse_one(sql.format(key=key), dialect=DIALECT).sql(DIALECT) for column, sql in VERSION_COLUMNS.items()
    }
    assert found == expected
    assert query.args["where"].transform(_bare).sql(DIALECT) == "WHERE rank_at_start = 1"


def _without_table(expression: exp.Expr) -> str:
    """Return the SQL of an expression without names of tables and without a cast of the whole."""
    inner = expression.this if isinstance(expression, exp.Cast) else expression
    return inner.transform(_bare).sql(DIALECT)


def _bare(node: exp.Expr) -> exp.Expr:
    return exp.column(node.name) if isinstance(node, exp.Column) else node
