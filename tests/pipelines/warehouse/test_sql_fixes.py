"""Each model and check translates to every warehouse, parses there, and contains nothing known to fail there."""

import re
from functools import cache

import pytest
import sqlglot
from sqlglot import ErrorLevel, exp

from pipelines.common.names import DIALECT
from pipelines.transform.parse import MODELS_DIR, Model, read_tables
from pipelines.transform.sql_file import read_sql_file
from pipelines.warehouse.sql_fixes import for_dialect
from tests.support.translation import ENRICHMENT, RAW_TABLES, WAREHOUSES, WRONG, Translator

MODELS = {table.name: table for table in read_tables(MODELS_DIR) if isinstance(table, Model)}
QUERIES = {name: model.query for name, model in MODELS.items()}
QUERIES.update({file.stem: read_sql_file(file).query for file in (MODELS_DIR / "checks").glob("*.sql")})


# dlt does the same for every warehouse, apart from the spelling of names and what ClickHouse cannot read.
SENT = [pytest.param(one, marks=() if one in ("snowflake", "clickhouse") else pytest.mark.variant) for one in WRONG]


@cache
def translated(warehouse: str) -> dict[str, str]:
    """Return models and checks in the SQL of a warehouse."""
    return {
        name: for_dialect(query, warehouse).sql(warehouse, unsupported_level=ErrorLevel.RAISE)
        for name, query in QUERIES.items()
    }


@cache
def parsed(warehouse: str) -> dict[str, exp.Expr]:
    """Return them parsed with the warehouse's grammar."""
    return {name: sqlglot.parse_one(text, dialect=warehouse) for name, text in translated(warehouse).items()}


@cache
def texts(warehouse: str) -> dict[str, str]:
    """Return models and checks as dlt sends them."""
    translator = Translator(warehouse)
    return {**translator.models(), **translator.checks()}


@cache
def sent(warehouse: str) -> dict[str, exp.Expr]:
    """Return them parsed with the warehouse's grammar."""
    return {name: sqlglot.parse_one(text, dialect=warehouse) for name, text in texts(warehouse).items()}


@pytest.mark.parametrize("warehouse", WAREHOUSES)
def test_every_model_and_check_translates_to_nothing_known_to_fail(warehouse: str) -> None:
    for name, query in parsed(warehouse).items():
        assert query.find(exp.Select), name
        if warehouse in WRONG:
            assert re.findall(WRONG[warehouse], translated(warehouse)[name]) == [], name


@pytest.mark.parametrize("warehouse", SENT)
def test_what_dlt_sends_parses_there_and_holds_nothing_known_to_fail(warehouse: str) -> None:
    assert sent(warehouse).keys() >= QUERIES.keys()
    for name, query in sent(warehouse).items():
        assert query.find(exp.Select), name
        assert re.findall(WRONG[warehouse], texts(warehouse)[name]) == [], name


def test_each_query_reads_tables_that_exist_by_then() -> None:
    """dlt takes a CTE with the name of a table for the table, which may be built later."""
    built = {*RAW_TABLES, *(seed.name for seed in ENRICHMENT.seeds)}
    for name in ENRICHMENT.models:
        query = sent("duckdb")[name]
        assert {table.name for table in query.find_all(exp.Table) if table.db} <= built, name
        built.add(name)


def test_names_of_ctes_are_unique() -> None:
    """Databricks gets all CTEs of a query in one list, including those of other files in the folder."""
    for name, query in parsed("databricks").items():
        names = [cte.alias for cte in query.find_all(exp.CTE)]
        assert len(names) == len(set(names)), name


def test_what_clickhouse_gets_holds_no_semicolon() -> None:
    """dlt splits what it sends there at every semicolon, also in comments and texts."""
    assert [name for name, text in texts("clickhouse").items() if ";" in text] == []
    # Some file has one: else this test could not fail.
    assert any(";" in file.read_text(encoding="utf-8") for file in MODELS_DIR.rglob("*.sql"))


def test_clickhouse_gets_no_star_where_a_query_reads_two_datasets() -> None:
    """A column of `e.*` that the other table has too is called `e.name` there."""
    query = "select e.*, u.user_name from events as e left join dim_users as u on e.user_id = u.user_id"
    text = Translator("clickhouse").over_both_datasets(query)
    assert "*" not in text and "event_type_id" in text


def test_no_window_of_redshift_needs_a_frame_and_has_none() -> None:
    """Redshift asks for one where a function other than a rank or a neighbour is ordered."""
    frameless = (exp.RowNumber, exp.Lead, exp.Lag)
    assert [
        (name, window.sql())
        for name, query in parsed("redshift").items()
        for window in query.find_all(exp.Window)
        if window.args.get("order") and not window.args.get("spec") and not isinstance(window.this, frameless)
    ] == []


def test_no_window_has_a_frame_that_sums_wrongly() -> None:
    """DuckDB 1.5 sums wrongly over an ordered frame without bounds, above a million rows."""
    wrong = {
        name: window.sql()
        for name, query in QUERIES.items()
        for window in query.find_all(exp.Window)
        if window.args.get("order")
        and (spec := window.args.get("spec"))
        and spec.args.get("kind") == "RANGE"
        and spec.args.get("start") == spec.args.get("end") == "UNBOUNDED"
    }
    assert wrong == {}
    found = sqlglot.parse_one(
        "select sum(x) over (order by y range between unbounded preceding and unbounded following) from t",
        dialect="duckdb",
    ).find(exp.WindowSpec)
    assert found is not None and found.args["start"] == found.args["end"] == "UNBOUNDED"


def test_no_model_uses_what_warehouses_do_differently() -> None:
    """JSON, regular expressions, intervals, "any value": such things differ between engines, or do not exist."""
    unportable = (
        exp.JSONExtract,
        exp.JSONExtractScalar,
        exp.RegexpLike,
        exp.RegexpReplace,
        exp.AnyValue,
        exp.ArgMax,
        exp.Filter,
        exp.Interval,
        exp.Qualify,
        exp.NullSafeEQ,
        exp.NullSafeNEQ,
        exp.LogicalOr,
        exp.LogicalAnd,
        exp.Greatest,
        exp.Least,
        exp.SplitPart,
        exp.Lateral,
        exp.Unnest,
    )
    assert {name: found.sql() for name, query in QUERIES.items() if (found := query.find(*unportable))} == {}


def test_no_moment_is_read_from_text() -> None:
    """Engines read offsets in different ways, and ClickHouse not at all. A day is read by all of them."""
    for name, query in QUERIES.items():
        moments = [cast.sql() for cast in query.find_all(exp.Cast) if cast.to.this == exp.DataType.Type.TIMESTAMPTZ]
        assert [one for one in moments if one.startswith("CAST('")] == [], name


def test_every_null_of_a_union_has_a_type() -> None:
    """Redshift and PostgreSQL take an untyped NULL for text when the next branch comes."""
    for name, query in QUERIES.items():
        for union in query.find_all(exp.Union):
            for branch in union.find_all(exp.Select):
                untyped = [one.sql() for one in branch.selects if isinstance(one.unalias(), exp.Null)]
                assert untyped == [], name


@pytest.mark.parametrize(
    ("dialect", "sql", "expected"),
    [
        ("bigquery", "select date_diff('second', a, b) as n from t", "TIMESTAMP_DIFF(b, a, SECOND)"),
        ("bigquery", "select date_diff('day', a, b) as n from t", "DATE_DIFF(b, a, DAY)"),
        ("bigquery", "select epoch(a) as n from t", "UNIX_SECONDS(a)"),
        ("clickhouse", "select translate(a, 'x', 'y') as n from t", "translate(a, 'x', 'y')"),
        ("clickhouse", "select coalesce(a, '') as a from t where a > 'b'", "WHERE t.a > 'b'"),
        ("clickhouse", "select max(a) as a from t as u where a > 'b'", "WHERE u.a > 'b'"),
        ("clickhouse", "select a as b, max(b) as c from t group by a", "MAX(t.b)"),
        (
            "clickhouse",
            "select row_number() over (order by a) - floor(count(*) / 2) as n from t",
            "CAST(ROW_NUMBER() OVER (ORDER BY a) AS Nullable(Int64))"
            " - CAST(FLOOR(CAST(COUNT(*) AS Nullable(Int64)) / 2) AS Nullable(Int64))",
        ),
        (
            "clickhouse",
            "select cast(cast('1900-01-01' as date) as timestamptz) as n from t",
            "CAST('1900-01-01 00:00:00' AS Nullable(DateTime64(6, 'UTC')))",
        ),
        ("clickhouse", "select t.a from t join u on t.a = u.a", "SELECT t.a AS a FROM t"),
        ("clickhouse", "select epoch(a) as n from t", "(toUnixTimestamp64Micro(a) / 1000000)"),
        (
            "clickhouse",
            "select cast('2026-03-01 00:00:00+00:00' as timestamptz) as n from t",
            "CAST('2026-03-01 00:00:00' AS Nullable(DateTime64(6, 'UTC')))",
        ),
        (
            "redshift",
            "select first_value(a) over (partition by b order by c) as n from t",
            "OVER (PARTITION BY b ORDER BY c ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW)",
        ),
        ("redshift", "select sum(a) over (order by b) as n from t", "SUM(a) OVER (ORDER BY b)"),
        ("clickhouse", "select 'a; b' as n from t", "CONCAT('a', CHAR(59), ' b')"),
        ("redshift", "select string_agg(a, ',' order by b) as n from t", "LISTAGG(a, ',') WITHIN GROUP (ORDER BY b)"),
        ("clickhouse", "select cast(a as timestamptz) as n from t", "CAST(a AS Nullable(DateTime64(6, 'UTC')))"),
        ("postgres", "select cast(a as timestamptz) as n from t", "CAST(a AS TIMESTAMPTZ)"),
        # Else the day would begin in the time zone of the session.
        (
            "postgres",
            "select cast(cast('1900-01-01' as date) as timestamptz) as n from t",
            "SELECT CAST('1900-01-01 00:00:00+00:00' AS TIMESTAMPTZ) AS n",
        ),
        (
            "databricks",
            "select coalesce(a, cast(cast('1900-01-01' as date) as timestamptz)) as n from t",
            "COALESCE(a, CAST('1900-01-01 00:00:00+00:00' AS TIMESTAMP))",
        ),
        ("databricks", "select cast(cast(a as date) as timestamptz) as n from t", "CAST(CAST(a AS DATE) AS TIMESTAMP)"),
    ],
)
def test_translations_are_corrected(dialect: str, sql: str, expected: str) -> None:
    query = sqlglot.parse_one(sql, dialect=DIALECT)
    assert isinstance(query, exp.Select)
    assert expected in for_dialect(query, dialect).sql(dialect)
