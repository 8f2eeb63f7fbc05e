"""One query over the table of every tenant: the same columns in the same order, with the tenant as the first one."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple

from pipelines.transform.column_types import sql_type

TENANT = "tenant"
# A surrogate key counts from the same things for each tenant, so two tenants may have the same.
KEY_ENDING = "_key"


class Part(NamedTuple):
    """The table of one tenant: its complete name as SQL, and its columns with dlt's types."""

    tenant: str
    table: str
    columns: Mapping[str, str]


class Dialect(NamedTuple):
    """How a destination writes SQL: its dialect for sqlglot, and functions that quote a column and a text."""

    name: str
    column: Callable[[str], str]
    text: Callable[[str], str]


def common_columns(parts: Iterable[Part]) -> dict[str, str]:
    """Return the columns of all parts with dlt's types, in the order of the first part that has them.

    A column whose type differs between tenants, as while a new version has reached only some of them, is text.
    """
    found: dict[str, str] = {}
    for part in parts:
        for name, kind in part.columns.items():
            found[name] = "text" if found.get(name, kind) != kind else kind
    return found


def union_query(parts: Sequence[Part], dialect: Dialect) -> str:
    """Return the query of all rows of the parts. A column that a tenant's table lacks is NULL.

    Text columns that end in `_key` begin with the tenant and a colon.
    """
    columns = common_columns(parts)
    return "\nUNION ALL\n".join(_select(part, columns, dialect) for part in parts)


def _select(part: Part, columns: Mapping[str, str], dialect: Dialect) -> str:
    values = [f"{_cast(dialect.text(part.tenant), 'text', dialect)} AS {dialect.column(TENANT)}"]
    for name, kind in columns.items():
        values.append(f"{_value(part, name, kind, dialect)} AS {dialect.column(name)}")
    return f"SELECT {', '.join(values)} FROM {part.table}"


def _value(part: Part, name: str, kind: str, dialect: Dialect) -> str:
    own = part.columns.get(name)
    if own is None:
        return _cast("NULL", kind, dialect)
    value = dialect.column(name) if own == kind else _cast(dialect.column(name), kind, dialect)
    return f"{dialect.text(part.tenant + ':')} || {value}" if is_surrogate_key(name, kind) else value


def is_surrogate_key(name: str, kind: str) -> bool:
    """Whether a column is a key that gets the tenant in front."""
    return kind == "text" and name.endswith(KEY_ENDING)


def _cast(value: str, kind: str, dialect: Dialect) -> str:
    return f"CAST({value} AS {sql_type(kind).sql(dialect.name)})"
