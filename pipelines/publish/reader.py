"""Opens a copy that `publish_to` wrote. Readers of a copy never block a run, and a run never blocks them."""

import json
import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import dlt

from pipelines.common.exit_codes import CONFIGURATION, PipelineError
from pipelines.common.names import DIALECT, ENRICH_NAME, LOAD_NAME, dataset_name
from pipelines.warehouse.engine import engine_named
from pipelines.warehouse.reader import Reader

from .target import SETTING, is_database
from .writer import FROM_RAW, MARK, MARK_FILE, quoted, text_literal


def published_path() -> str | None:
    """Return the path of the copy; None if none is configured, or none was written yet."""
    configured = str(dlt.config.get(SETTING) or "")
    path = os.path.abspath(os.path.expanduser(configured))
    return path if configured and os.path.exists(path) else None


@contextmanager
def open_copy(path: str) -> Iterator[Reader]:
    """Open a DuckDB file or a folder of parquet files in its current version, as `open_reader` opens a database.

    Raises:
        PipelineError: The copy cannot be read.
    """
    import duckdb

    with ExitStack() as stack:
        try:
            is_file = is_database(path)
            connection = stack.enter_context(duckdb.connect(path, read_only=True) if is_file else duckdb.connect())
            connection.execute("set TimeZone = 'UTC'")
            if not is_file:
                _create_views(connection, Path(os.path.realpath(path)))
        except (duckdb.Error, OSError, ValueError, KeyError) as error:
            raise PipelineError(
                CONFIGURATION, f"copy `{path}` cannot be read ({str(error).splitlines()[0]})."
            ) from None
        yield Reader(engine_named(DIALECT).destination(connection), stack, with_tables=False)


def _create_views(connection: Any, folder: Path) -> None:
    """Create a view for each file of one version of the folder. The link may point to another version at any time."""
    for owner in (LOAD_NAME, ENRICH_NAME):
        connection.execute(f"create schema {quoted(dataset_name(owner))}")
    for file in sorted(folder.glob("[!_]*.parquet")):
        owner = LOAD_NAME if file.stem in FROM_RAW else ENRICH_NAME
        view = f"{quoted(dataset_name(owner))}.{quoted(file.stem)}"
        connection.execute(f"create view {view} as select * from read_parquet({text_literal(str(file))})")
    moment = json.loads((folder / MARK_FILE).read_text(encoding="utf-8"))["published_at"]
    mark = f"{quoted(dataset_name(ENRICH_NAME))}.{MARK}"
    connection.execute(f"create table {mark} as select cast({text_literal(moment)} as timestamptz) as published_at")
