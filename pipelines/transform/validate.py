"""Refuse SQL files that cannot be built: unknown tables and columns, ambiguous names, reads of the clock."""

from collections.abc import Mapping

from sqlglot import exp
from sqlglot.errors import OptimizeError, SchemaError
from sqlglot.optimizer.qualify import qualify

from pipelines.common.exit_codes import ModelError
from pipelines.common.names import DIALECT
from pipelines.warehouse.table_names import input_tables

from .column_types import SQL_TYPES, Columns
from .sql_file import SqlFile, line_of

# A model that reads the clock or a random number returns other rows each time it runs.
_CLOCK = (
    exp.CurrentDate,
    exp.CurrentTime,
    exp.CurrentTimestamp,
    exp.CurrentTimestampLTZ,
    exp.CurrentDatetime,
    exp.Rand,
)


def check_inputs(sql_file: SqlFile, known: Mapping[str, object]) -> None:
    """Refuse unknown tables, tables named with their dataset, and CTEs with the name of a table.

    Raises:
        ModelError: An input is invalid.
    """
    for cte in sql_file.query.find_all(exp.CTE):
        if cte.alias in known:
            raise ModelError(sql_file.file, f"`{cte.alias}` is a table: give the CTE another name", line_of(cte))
    for table in input_tables(sql_file.query):
        line = line_of(table)
        if table.args.get("db"):
            raise ModelError(sql_file.file, f"`{table.sql(DIALECT)}`: name the table without its dataset", line)
        if table.name not in known:
            raise ModelError(sql_file.file, f"unknown table `{table.name}`", line)


def check_columns(sql_file: SqlFile, known: Mapping[str, Columns]) -> None:
    """Refuse columns that no input has, or more than one input.

    Raises:
        ModelError: A column cannot be resolved.
    """
    file, query = sql_file.file, sql_file.query
    try:
        qualify(query.copy(), schema=sqlglot_schema(sql_file.inputs, known), dialect=DIALECT)
    except (OptimizeError, SchemaError) as error:
        message, _, position = str(error).partition(" Line: ")
        line = position.partition(",")[0]
        raise ModelError(file, message, int(line) if line.isdigit() else _line_of_column(query, message)) from error


def check_clock(sql_file: SqlFile) -> None:
    """Refuse queries that depend on the moment of the run.

    Raises:
        ModelError: The query reads the clock or a random number.
    """
    clock = sql_file.query.find(*_CLOCK)
    if clock:
        raise ModelError(sql_file.file, f"`{clock.sql(DIALECT)}`: a model may not depend on the moment of the run")


def sqlglot_schema(tables: frozenset[str], known: Mapping[str, Columns]) -> dict[str, object]:
    """Return the columns of tables with their types, as sqlglot's optimizer takes them."""
    return {table: {name: SQL_TYPES.get(kind, "varchar") for name, kind in known[table].items()} for table in tables}


def _line_of_column(query: exp.Expr, message: str) -> int | None:
    """Return the first line of the column that a message ends with."""
    name = message.split()[-1].strip("'\"")
    lines = [line_of(column) for column in query.find_all(exp.Column) if column.name == name]
    return min((line for line in lines if line), default=None)
