"""Find the type of each column that a query returns.

A column that is selected unchanged keeps the type of its source column. An expression must be cast: engines
disagree on the types of expressions, and dlt leaves a column without a type out of the table.
"""

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from sqlglot import exp
from sqlglot.optimizer.scope import Scope, build_scope

from pipelines.common.exit_codes import ModelError
from pipelines.common.names import DIALECT

from .sql_file import SqlFile, line_of

Columns = Mapping[str, str]

# The types that a column may have: as a cast names them, and as dlt names them.
DLT_TYPES: dict[Any, str] = {
    exp.DataType.Type.VARCHAR: "text",
    exp.DataType.Type.TEXT: "text",
    exp.DataType.Type.BIGINT: "bigint",
    exp.DataType.Type.DOUBLE: "double",
    exp.DataType.Type.BOOLEAN: "bool",
    exp.DataType.Type.DATE: "date",
    exp.DataType.Type.TIMESTAMPTZ: "timestamp",
}
SQL_TYPES = {
    "text": "varchar",
    "bigint": "bigint",
    "double": "double",
    "bool": "boolean",
    "date": "date",
    "timestamp": "timestamptz",
}
CAST_TYPES = "varchar, bigint, double, boolean, date, timestamptz"


def column_types(sql_file: SqlFile, known: Mapping[str, Columns], *, stars: bool = False) -> dict[str, str]:
    """Return names and dlt types of the final SELECT; `known` holds the columns of every input.

    `stars` accepts `alias.*` there: what is inlined may pass on what it reads, a table lists its columns.

    Raises:
        ModelError: An expression has no cast, a cast has an unsupported type, or a name is missing or used twice.
    """
    scope = build_scope(sql_file.query)
    columns: dict[str, str] = {}
    selects = sql_file.query.selects
    if stars and scope:
        selects = [one for selected in selects for one in _expanded(selected, scope, known)]
    for selected in selects:
        name, value, line = selected.alias_or_name, selected.unalias(), line_of(selected)
        data_type = _type_of(value, scope, known) if scope else None
        if data_type is None:
            raise ModelError(sql_file.file, _untyped(selected), line)
        if data_type not in SQL_TYPES:
            raise ModelError(sql_file.file, f"`{name}` is cast to {data_type}: use one of {CAST_TYPES}", line)
        if isinstance(value, exp.Cast) and not isinstance(selected, exp.Alias):
            raise ModelError(sql_file.file, f"a cast without `as name`: `{selected.sql(DIALECT)}`", line)
        if name in columns:
            raise ModelError(sql_file.file, f"column `{name}` occurs twice", line)
        columns[name] = data_type
    return columns


def typed(query: exp.Select, columns: Columns) -> exp.Select:
    """Return a copy that casts every column of the final SELECT, so that each engine builds the same table."""
    query = query.copy()
    for selected, (name, kind) in zip(query.selects, columns.items(), strict=True):
        if not isinstance(selected.unalias(), exp.Cast):
            selected.replace(exp.alias_(exp.Cast(this=selected.unalias().copy(), to=sql_type(kind)), name))
    return query


def sql_type(data_type: str) -> exp.DataType:
    """Return DuckDB's type for a dlt type; text for a type without an own column type, such as json."""
    return _parsed_type(SQL_TYPES.get(data_type, "varchar")).copy()


@lru_cache(maxsize=16)
def _parsed_type(name: str) -> exp.DataType:
    return exp.DataType.build(name, dialect=DIALECT)


def _untyped(selected: exp.Expr) -> str:
    if selected.is_star:
        return f"`{selected.sql(DIALECT)}` has no type: name each column in the final SELECT"
    value, name = selected.unalias().sql(DIALECT), selected.alias_or_name or "name"
    return f"`{selected.sql(DIALECT)}` has no type: write cast({value} as type) as {name}, with one of {CAST_TYPES}"


def _expanded(selected: exp.Expr, scope: Scope, known: Mapping[str, Columns]) -> list[exp.Expr]:
    """Return the columns that `alias.*` stands for; any other expression as it is."""
    if not (isinstance(selected, exp.Column) and selected.is_star and selected.table in scope.selected_sources):
        return [selected]
    names = _names_in(scope.selected_sources[selected.table][1], known)
    return [exp.column(name, selected.table) for name in names]


def _names_in(source: "exp.Table | Scope", known: Mapping[str, Columns]) -> list[str]:
    """Return the names of the columns of one input."""
    if isinstance(source, exp.Table):
        return list(known.get(source.name, ()))
    query: Any = source.expression
    if source.set_operation_scopes:
        return list(query.named_selects)
    selects = [one for selected in query.selects for one in _expanded(selected, source, known)]
    return [one.alias_or_name for one in selects]


def _type_of(value: exp.Expr, scope: Scope, known: Mapping[str, Columns]) -> str | None:
    if isinstance(value, exp.Cast):
        return DLT_TYPES.get(value.to.this) or value.to.sql(DIALECT)
    if not isinstance(value, exp.Column) or value.is_star:
        return None
    sources = {name: source for name, (_, source) in scope.selected_sources.items()}
    if value.table:
        sources = {name: source for name, source in sources.items() if name == value.table}
    # A name that several inputs have is refused later, with its line.
    types = [_type_in(source, value.name, known) for source in sources.values()]
    return next((data_type for data_type in types if data_type), None)


def _type_in(source: "exp.Table | Scope", name: str, known: Mapping[str, Columns]) -> str | None:
    """Return the type of a column of one input: a table, a CTE or a subquery."""
    if isinstance(source, exp.Table):
        return known.get(source.name, {}).get(name)
    query: Any = source.expression
    if source.set_operation_scopes:
        place = query.named_selects.index(name) if name in query.named_selects else None
        types = (
            {_type_at(branch, place, known) for branch in source.set_operation_scopes} if place is not None else set()
        )
        return types.pop() if len(types) == 1 else None
    for selected in query.selects:
        if selected.alias_or_name == name:
            return _type_of(selected.unalias(), source, known)
    if any(selected.is_star for selected in query.selects):
        return _type_of(exp.column(name), source, known)
    return None


def _type_at(branch: Scope, place: int, known: Mapping[str, Columns]) -> str | None:
    """Return the type of a column of one branch of a UNION, which is named by the first branch."""
    if branch.set_operation_scopes:
        types = {_type_at(inner, place, known) for inner in branch.set_operation_scopes}
        return types.pop() if len(types) == 1 else None
    query: Any = branch.expression
    return _type_of(query.selects[place].unalias(), branch, known)
