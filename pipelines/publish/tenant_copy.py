"""One copy for the readers of all tenants, made of the copies that `publish_to` wrote for each.

These hold nothing but checked rows, and reading them keeps no run waiting. So tenants may lie in different databases.
"""

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa

from pipelines.common.all_tenants import COPY as COPY_SETTING
from pipelines.common.exit_codes import CONFIGURATION, PipelineError
from pipelines.common.names import DIALECT, ENRICH_NAME, LOAD_NAME, dataset_name
from pipelines.common.tenants import settings_of
from pipelines.transform.column_types import SQL_TYPES

from .meanings import primary_keys, with_descriptions
from .target import SETTING, Published, absolute, is_database
from .tenant_union import TENANT, Dialect, Part, common_columns, is_surrogate_key, union_query
from .writer import (
    COPY,
    FROM_RAW,
    MARK,
    MEMORY,
    SLICE_ROWS,
    Rows,
    add_key,
    count,
    quoted,
    replace_database,
    replace_folder,
    text_literal,
    write_comments,
    write_mark,
    write_parquet,
)

_DIALECT = Dialect(DIALECT, quoted, text_literal)
_TYPES = {"VARCHAR": "text", "TIMESTAMP WITH TIME ZONE": "timestamp"} | {
    name.upper(): kind for kind, name in SQL_TYPES.items()
}


class TenantCopies(NamedTuple):
    """The copy of all tenants. `left_out` says of each tenant that has no part in it why, in a few words."""

    published: Published
    tenants: list[str]
    left_out: dict[str, str]


class _Found(NamedTuple):
    """The tables in the copies of some tenants, and what their tables and columns mean."""

    parts: dict[str, list[Part]]
    texts: dict[tuple[str, str], str]


def write_copy(tenants: Sequence[str], path: str) -> TenantCopies:
    """Replace the copy at `path` with one that holds the tables of these tenants.

    Raises:
        PipelineError: There is no copy of any tenant, or one cannot be read.
    """
    import duckdb

    sources, left_out = _sources(tenants)
    if not sources:
        raise PipelineError(
            CONFIGURATION,
            f"setting `{COPY_SETTING}`: no tenant has a copy yet. Set `publish_to`, from which each tenant gets one.",
        )
    with duckdb.connect(config={"memory_limit": MEMORY}) as connection:
        connection.execute("set TimeZone = 'UTC'")
        connection.execute("set preserve_insertion_order = false")
        try:
            found = _found(connection, sources)
        except (duckdb.Error, OSError) as error:
            raise PipelineError(
                CONFIGURATION, f"the copy of a tenant cannot be read ({str(error).splitlines()[0]})."
            ) from None
        if is_database(path):
            rows = replace_database(path, connection, lambda copy: _fill_database(copy, found))
        else:
            rows = replace_folder(path, lambda folder: _fill_folder(connection, found, folder))
    return TenantCopies(Published(path, len(found.parts), rows), list(sources), left_out)


def _sources(tenants: Sequence[str]) -> tuple[dict[str, str], dict[str, str]]:
    sources, left_out = {}, {}
    for tenant in tenants:
        configured = str(settings_of(tenant).get(SETTING) or "")
        if configured and os.path.exists(absolute(configured)):
            sources[tenant] = absolute(configured)
        else:
            left_out[tenant] = "no copy yet" if configured else "no setting `publish_to`"
    return sources, left_out


def _found(connection: Any, sources: Mapping[str, str]) -> _Found:
    found = _Found({}, {})
    for tenant, path in sources.items():
        attached = quoted(f"tenant {tenant}")
        if is_database(path):
            connection.execute(f"attach {text_literal(path)} as {attached} (read_only)")
            _add_database(connection, f"tenant {tenant}", tenant, found)
        else:
            for file in sorted(Path(os.path.realpath(path)).glob("[!_]*.parquet")):
                _add_file(connection, file, tenant, found)
    return found


def _add_database(connection: Any, database: str, tenant: str, found: _Found) -> None:
    columns: dict[tuple[str, str], dict[str, str]] = {}
    for schema, table, name, kind, comment in connection.execute(
        "select schema_name, table_name, column_name, data_type, comment from duckdb_columns()"
        " where database_name = ? and not internal order by schema_name, table_name, column_index",
        [database],
    ).fetchall():
        columns.setdefault((schema, table), {})[name] = _TYPES.get(kind, kind)
        _note(found, table, name, comment)
    for table, comment in connection.execute(
        "select table_name, comment from duckdb_tables() where database_name = ?", [database]
    ).fetchall():
        _note(found, table, "", comment)
    for (schema, table), types in columns.items():
        if table != MARK:
            name = f"{quoted(database)}.{quoted(schema)}.{quoted(table)}"
            found.parts.setdefault(table, []).append(Part(tenant, name, types))


def _add_file(connection: Any, file: Path, tenant: str, found: _Found) -> None:
    import pyarrow.parquet as pq

    table, rows = file.stem, f"read_parquet({text_literal(str(file))})"
    described = connection.execute(f"describe select * from {rows}").fetchall()
    found.parts.setdefault(table, []).append(
        Part(tenant, rows, {one[0]: _TYPES.get(one[1], one[1]) for one in described})
    )
    metadata = pq.read_schema(file).metadata or {}
    _note(found, table, "", metadata.get(b"description", b"").decode())
    for name, text in json.loads(metadata.get(b"column_descriptions", b"{}")).items():
        _note(found, table, name, text)


def _note(found: _Found, table: str, column: str, text: str | None) -> None:
    if text:
        found.texts.setdefault((table, column), text)


def _fill_database(copy: Any, found: _Found) -> int:
    rows, keys = 0, primary_keys()
    schemas = {owner: f"{COPY}.{quoted(dataset_name(owner))}" for owner in (LOAD_NAME, ENRICH_NAME)}
    for schema in schemas.values():
        copy.execute(f"create schema {schema}")
    for table, parts in found.parts.items():
        schema, columns = schemas[_owner(table)], common_columns(parts)
        target = f"{schema}.{quoted(table)}"
        copy.execute(f"create table {target} as {union_query(parts, _DIALECT)}")
        rows += count(copy.execute(f"select count(*) from {target}").fetchone())
        add_key(copy, target, _key(keys.get(table, ()), columns), [TENANT, *columns])
    for owner, schema in schemas.items():
        write_comments(copy, schema, found.texts, [table for table in found.parts if _owner(table) == owner])
    write_mark(copy, schemas[ENRICH_NAME])
    return rows


def _owner(table: str) -> str:
    return LOAD_NAME if table in FROM_RAW else ENRICH_NAME


def _key(key: tuple[str, ...], columns: Mapping[str, str]) -> tuple[str, ...]:
    """Return the key of a table of all tenants: a surrogate key has the tenant in it, any other gets it."""
    if not key or any(is_surrogate_key(name, columns.get(name, "")) for name in key):
        return key
    return (TENANT, *key)


def _fill_folder(connection: Any, found: _Found, folder: Path) -> int:
    rows = 0
    for table, parts in found.parts.items():
        reader = connection.execute(union_query(parts, _DIALECT)).to_arrow_reader(SLICE_ROWS)
        schema = with_descriptions(reader.schema, table, found.texts)
        chunks = (pa.Table.from_batches([batch]).cast(schema) for batch in reader)
        rows += write_parquet(Rows(schema, chunks), folder / f"{table}.parquet")
    return rows
