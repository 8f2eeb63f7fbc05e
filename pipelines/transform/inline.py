"""Put the files of staging and intermediate, and seeds, as CTEs in front of the query that reads them.

Nothing more is stored, and a filter on the days of a raw table still reaches its scan.
"""

from collections.abc import Iterable, Mapping

from sqlglot import exp

from .column_types import sql_type


def inlined(query: exp.Select, bodies: Mapping[str, exp.Select]) -> exp.Select:
    """Add SELECTs to the query as its first CTEs. In `bodies`, each one comes after those that it reads.

    CTEs of a body come before it, not inside it: Spark gets all CTEs of a query in one list.
    """
    ctes: list[exp.Expr] = []
    for name, body in bodies.items():
        ctes += _without_ctes(body := own_names(body, name))
        ctes.append(_cte(name, body))
    if ctes:
        own = _without_ctes(query)
        query.set("with_", exp.With(expressions=[*ctes, *own]))
    return query


def own_names(query: exp.Select, name: str) -> exp.Select:
    """Return a copy whose CTEs are called after their file, because two files may use the same name for a CTE."""
    query = query.copy()
    names = {cte.alias: f"{name}__{cte.alias}" for cte in query.find_all(exp.CTE)}
    for table in list(query.find_all(exp.Table)):
        if table.name in names:
            table.set("alias", exp.TableAlias(this=exp.to_identifier(table.alias_or_name)))
            table.set("this", exp.to_identifier(names[table.name]))
    for cte in query.find_all(exp.CTE):
        cte.args["alias"].set("this", exp.to_identifier(names[cte.alias]))
    return query


def rows_as_query(columns: Mapping[str, str], rows: Iterable[Mapping[str, object]]) -> exp.Select:
    """Return the rows of a seed as a SELECT: a table of the enriched dataset cannot be read beside raw tables."""
    selects = [exp.select(*(_value(row[name], kind).as_(name) for name, kind in columns.items())) for row in rows]
    if not selects:
        return exp.select(*(_value(None, kind).as_(name) for name, kind in columns.items())).where("1 = 0")
    # Nested as a balanced tree: engines limit how deep a UNION may nest.
    union: exp.Query = _union(selects)
    if isinstance(union, exp.Select):
        return union
    return exp.select(*(exp.column(name, "seed_rows") for name in columns)).from_(union.subquery("seed_rows"))


def union_of(parts: Mapping[str, exp.Select], columns: Iterable[str]) -> exp.Select:
    """Return the rows of several files, one below the other, as one SELECT."""
    names = [exp.column(name) for name in columns]
    selects = [
        exp.select(*names).from_(own_names(query, name).subquery(f"part_{number}"))
        for number, (name, query) in enumerate(parts.items())
    ]
    rows = exp.union(*selects, distinct=False).subquery("parts")
    return exp.select(*(exp.column(name, "parts") for name in columns)).from_(rows)


def read_order(name: str, reads: Mapping[str, frozenset[str]], only: Iterable[str]) -> list[str]:
    """Return the names of `only` that `name` reads, directly or not, each after those that it reads itself."""
    found: dict[str, None] = {}

    def follow(reader: str) -> None:
        for read in sorted(reads[reader] & set(only)):
            if read not in found:
                follow(read)
                found[read] = None

    follow(name)
    return list(found)


def _union(selects: list[exp.Select]) -> "exp.Query":
    if len(selects) == 1:
        return selects[0]
    middle = len(selects) // 2
    return exp.union(_union(selects[:middle]), _union(selects[middle:]), distinct=False)


def _value(value: object, data_type: str) -> exp.Cast:
    literal = exp.null() if value is None else exp.convert(value)
    return exp.cast(literal, sql_type(data_type))


def _cte(name: str, body: exp.Select) -> exp.CTE:
    return exp.CTE(this=body, alias=exp.TableAlias(this=exp.to_identifier(name)))


def _without_ctes(query: exp.Select) -> list[exp.Expr]:
    """Take the CTEs out of a query and return them."""
    ctes: list[exp.Expr] = [*query.ctes]
    query.set("with_", None)
    return ctes
