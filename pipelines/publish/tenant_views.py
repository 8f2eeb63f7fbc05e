"""Views over the enriched tables of all tenants that share a database, in a dataset of their own.

The view `tenants` lists them, with what all views were made of: they are replaced only if that changed.
"""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import dlt
from dlt.common.destination.exceptions import DestinationUndefinedEntity
from dlt.destinations.exceptions import DatabaseException, DatabaseUndefinedRelation
from dlt.destinations.sql_client import SqlClientBase

from pipelines.common.all_tenants import DATASET
from pipelines.common.exit_codes import CONFIGURATION, PipelineError
from pipelines.common.names import ENRICH_NAME, LOAD_NAME
from pipelines.common.tenants import dataset_of, settings_of
from pipelines.common.wording import counted
from pipelines.warehouse.dlt_internals import columns_in
from pipelines.warehouse.engine import TYPE_SETTING, Engine, engine
from pipelines.warehouse.locks import machine_lock
from pipelines.warehouse.session import closing_session
from pipelines.warehouse.settings import warn_about_open_secrets
from pipelines.warehouse.streaming import columns_of

from .tenant_union import TENANT, Dialect, Part, common_columns, union_query
from .writer import FROM_RAW

LIST = "tenants"
# Settings of a destination that say who connects, not where to.
_ACCOUNT = {"username", "password", "private_key", "private_key_passphrase", "role"}


class TenantViews(NamedTuple):
    """The views of a dataset, after an update.

    `left_out` says of each tenant that has no part in them why, in a few words.
    """

    dataset: str
    views: int
    tenants: list[str]
    left_out: dict[str, str]
    is_new: bool

    def line(self) -> str:
        """Return the result in one line."""
        state = "replaced" if self.is_new else "unchanged"
        return f"{counted(self.views, 'view')} of {counted(len(self.tenants), 'tenant')} in `{self.dataset}`, {state}"


def update_views(tenants: Sequence[str], dataset: str) -> TenantViews:
    """Bring the views in a dataset up to date with the tables of these tenants.

    Raises:
        PipelineError: No tenant has tables in the database of the general settings, or another process holds it.
    """
    configured = engine()
    configured.check_settings()
    warn_about_open_secrets()
    near = {name: _other_database(name) for name in tenants}
    left_out = {name: f"its own setting `{key}`" for name, key in near.items() if key}
    if not configured.exists():
        raise _no_tables(configured)
    with machine_lock(LOAD_NAME), configured.opened_for_writing() as database:
        destination = configured.destination(database)
        with closing_session(destination), configured.explained():
            found = {name: _tables_of(name, destination, configured) for name in tenants if name not in left_out}
            left_out |= {name: "no tables yet" for name, tables in found.items() if not tables}
            parts = {name: tables for name, tables in found.items() if tables}
            if not parts:
                raise _no_tables(configured)
            with dlt.dataset(destination, dataset, schema=dlt.Schema(LIST)).destination_client as client:
                views = _views(parts, client.sql_client)  # type: ignore[attr-defined]
                is_new = _replace(client, configured, views, _list_of(parts, views))
    return TenantViews(dataset, len(views), list(parts), left_out, is_new)


def _other_database(name: str) -> str | None:
    """Return the first setting by which a tenant is in another database than the general one, None if it is in it.

    Another user of the same database is no other database.
    """
    for key, value in settings_of(name).items():
        is_place = key.startswith("destination.") or key == TYPE_SETTING
        if is_place and key.rpartition(".")[2] not in _ACCOUNT and value != dlt.config.get(key):
            return key
    return None


def _no_tables(configured: Engine) -> PipelineError:
    return PipelineError(
        CONFIGURATION,
        f"setting `{DATASET}`: no tenant has tables in {configured.location()}, the database of the general settings.",
    )


def _tables_of(tenant: str, destination: Any, configured: Engine) -> dict[str, Part]:
    """Return the enriched tables of a tenant and the raw ones that say how complete they are; none before a run."""
    found: dict[str, Part] = {}
    for pipeline in (ENRICH_NAME, LOAD_NAME):
        dataset = dlt.dataset(destination, dataset_of(tenant, pipeline))
        try:
            schema = dataset.schema
        except (DatabaseUndefinedRelation, DestinationUndefinedEntity):
            continue
        for table in schema.data_table_names():
            if pipeline == ENRICH_NAME or table in FROM_RAW:
                name = _full_name(dataset.sql_client, configured, table)
                found[table] = Part(tenant, name, columns_of(schema, table))
    return found if any(table not in FROM_RAW for table in found) else {}


def _full_name(client: SqlClientBase[Any], configured: Engine, table: str) -> str:
    path = client.make_qualified_table_name_path(table, True)
    # The name of a database file is that of its file, which may be copied to another one.
    return ".".join(path[-2:] if configured.is_file else path)


def _views(tables: Mapping[str, Mapping[str, Part]], client: SqlClientBase[Any]) -> dict[str, str]:
    """Return the query of each view."""
    dialect = _dialect(client)
    names = sorted({name for one in tables.values() for name in one})
    parts = {name: [one[name] for one in tables.values() if name in one] for name in names}
    return {name: union_query(some, dialect) for name, some in parts.items() if TENANT not in common_columns(some)}


def _dialect(client: SqlClientBase[Any]) -> Dialect:
    literal: Callable[[Any], Any] = client.capabilities.escape_literal
    return Dialect(str(client.capabilities.sqlglot_dialect), client.escape_column_name, lambda text: str(literal(text)))


def _list_of(parts: Mapping[str, Mapping[str, Part]], views: Mapping[str, str]) -> list[dict[str, str]]:
    made_of = hashlib.sha256("\n".join(views.values()).encode()).hexdigest()
    return [
        {
            TENANT: name,
            "dataset": dataset_of(name, ENRICH_NAME),
            "tables": " ".join(sorted(tables)),
            "made_of": made_of,
        }
        for name, tables in parts.items()
    ]


def _replace(client: Any, configured: Engine, views: Mapping[str, str], listed: list[dict[str, str]]) -> bool:
    """Replace the views if they are made of anything else than before, or one is missing. Return whether."""
    sql, columns = client.sql_client, list(listed[0])
    names = ", ".join(map(sql.escape_column_name, columns))
    if not sql.has_dataset():
        sql.create_dataset()
    try:
        before = sql.execute_sql(f"SELECT {names} FROM {sql.make_qualified_table_name(LIST)}") or []
    except DatabaseUndefinedRelation:
        before = []
    wanted = {tuple(row.values()) for row in listed}
    existing = {name for name, found in columns_in(client, list(views)).items() if found}
    if wanted == {tuple(row) for row in before} and existing == views.keys():
        return False
    former = {name for row in before for name in str(row[columns.index("tables")]).split()}
    for name in sorted(former - views.keys()):
        sql.execute_sql(f"DROP VIEW IF EXISTS {sql.make_qualified_table_name(name)}")
    # The list comes last: if a view fails, the next update begins again.
    for name, query in {**views, LIST: _list_query(listed, _dialect(sql))}.items():
        _create(sql, configured, name, query)
    return True


def _list_query(listed: list[dict[str, str]], dialect: Dialect) -> str:
    rows = [
        ", ".join(f"{dialect.text(text)} AS {dialect.column(name)}" for name, text in row.items()) for row in listed
    ]
    return "\nUNION ALL\n".join(f"SELECT {row}" for row in rows)


def _create(sql: SqlClientBase[Any], configured: Engine, name: str, query: str) -> None:
    """Replace a view. Where only new columns at its end were allowed, drop it first."""
    view = sql.make_qualified_table_name(name)
    statement = f"VIEW {view} AS {query}{configured.view_ending}"
    try:
        sql.execute_sql(f"CREATE OR REPLACE {statement}")
    except DatabaseException:
        sql.execute_sql(f"DROP VIEW IF EXISTS {view}")
        sql.execute_sql(f"CREATE {statement}")
