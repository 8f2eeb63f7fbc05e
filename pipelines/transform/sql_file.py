"""Read one SQL file of the models: a single SELECT in DuckDB's dialect."""

from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from pathlib import Path

from sqlglot import exp
from sqlglot.dialects.dialect import Dialect
from sqlglot.errors import ParseError, SqlglotError

from pipelines.common.exit_codes import ModelError
from pipelines.common.names import DIALECT
from pipelines.warehouse.table_names import input_tables


@dataclass(frozen=True)
class SqlFile:
    """One SQL file. `tokens` are equal for two texts that differ only in comments and white space."""

    file: Path
    query: exp.Select
    tokens: tuple[str, ...] = field(repr=False)

    @cached_property
    def inputs(self) -> frozenset[str]:
        """Names of the tables and inlined files that the query reads."""
        return frozenset(table.name for table in input_tables(self.query))


def read_sql_file(file: Path) -> SqlFile:
    """Return the one SELECT of a file.

    Raises:
        ModelError: The file is not SQL, or is not a single SELECT.
    """
    try:
        statements, tokens = _parse(file.read_text(encoding="utf-8"))
    except (SqlglotError, UnicodeDecodeError) as error:
        first = error.errors[0] if isinstance(error, ParseError) and error.errors else {}
        raise ModelError(file, f"not valid SQL: {first.get('description', error)}", first.get("line")) from error
    if len(statements) != 1:
        raise ModelError(file, f"{len(statements)} statements: a file holds one SELECT", _line_of_second(file))
    query = statements[0]
    if not isinstance(query, exp.Select):
        raise ModelError(file, f"a {query.key} statement: a file holds one SELECT (wrap a UNION in a subquery)")
    return SqlFile(file, query, tokens)


def line_of(node: exp.Expr) -> int | None:
    """Return the line on which an expression is written, None where the parser does not know it."""
    lines = [part.meta["line"] for part in node.find_all(exp.Identifier) if "line" in part.meta]
    return min(lines) if lines else None


def _line_of_second(file: Path) -> int | None:
    """Return the line on which the second statement of a file begins."""
    tokens = Dialect.get_or_raise(DIALECT).tokenize(file.read_text(encoding="utf-8"))
    ends = [number for number, token in enumerate(tokens) if token.token_type.name == "SEMICOLON"]
    return tokens[ends[0] + 1].line if ends and len(tokens) > ends[0] + 1 else None


@lru_cache(maxsize=256)
def _parse(text: str) -> tuple[list[exp.Expr], tuple[str, ...]]:
    dialect = Dialect.get_or_raise(DIALECT)
    tokens = dialect.tokenize(text)
    statements = [one for one in dialect.parser().parse(tokens, text) if one]
    return statements, tuple(f"{token.token_type.name} {token.text}" for token in tokens)
