"""The tables that a query reads, and their names in the destination."""

from collections.abc import Callable
from typing import Any

import dlt
from dlt.destinations.sql_client import SqlClientBase
from sqlglot import exp


def input_tables(query: exp.Expr) -> list[exp.Table]:
    """Return the tables that a query reads, without its own CTEs. A table named with its dataset is no CTE."""
    ctes = {cte.alias for cte in query.find_all(exp.CTE)}
    return [table for table in query.find_all(exp.Table) if table.args.get("db") or table.name not in ctes]


def name_datasets(query: exp.Query, client_of: Callable[[str], SqlClientBase[Any]]) -> None:
    """Name every table of the query with its dataset; `client_of` returns the client of a table's dataset."""
    for table in input_tables(query):
        parts = client_of(table.name).make_qualified_table_name_path(table.name, False)
        path = [exp.to_identifier(part, quoted=True) for part in parts]
        name = exp.Table(this=path[-1], db=path[-2] if path[1:] else None, catalog=path[-3] if path[2:] else None)
        table.replace(exp.alias_(name, table.alias or table.name, table=True))


def name_two_datasets(query: exp.Query, dataset: dlt.Dataset, other: dlt.Dataset | None) -> None:
    """Name every table of the query with its dataset: those that `dataset` lacks are of the `other` one, if any."""
    own, others = dataset.sql_client, (other or dataset).sql_client
    name_datasets(query, lambda name: own if name in dataset.schema.tables else others)
