"""fakesnow's server, with what a run needs of Snowflake and fakesnow does not have or does differently.

Run by the Python that has fakesnow. It prints its port, and ends when its standard input does.
"""

import gzip
import logging
import re
import socket
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import sqlglot
import uvicorn
from fakesnow import arrow, transforms
from fakesnow.cursor import FakeSnowflakeCursor
from fakesnow.server import app
from fakesnow.transforms import stage
from snowflake.connector.errors import Error, ProgrammingError
from sqlglot import exp
from sqlglot.tokens import TokenType

STAGED = r"'@(?P<stage>\"[^/]*)/\"(?P<load>[\d.]+)\"(?:/(?P<file>[^/']+))?'"
PUT = re.compile(rf"(?P<before>PUT '[^']+' ){STAGED}(?P<after>.*)", re.DOTALL)
COPY = re.compile(rf"(?P<before>COPY INTO .*FROM ){STAGED}.*", re.DOTALL)
REMOVE = re.compile(rf"REMOVE {STAGED}")

_execute, _transform = FakeSnowflakeCursor.execute, FakeSnowflakeCursor._transform


def execute(self: Any, command: str, *arguments: Any, **named: Any) -> Any:
    """Execute the statements of a command: fakesnow takes one at a time."""
    try:
        is_of_files = command.startswith(("PUT ", "COPY ", "REMOVE "))
        for statement in of_files(command) if is_of_files else statements(command):
            _execute(self, statement, *arguments, **named)
    except Exception as error:
        if isinstance(error, Error):
            raise
        # fakesnow would answer as if the service were down, and the driver would try again for minutes.
        raise ProgrammingError(f"{type(error).__name__}: {error}", errno=9999, sqlstate="XX000") from error
    return self


def statements(command: str) -> list[str]:
    """Return the statements of a command."""
    ends = [one.start for one in sqlglot.tokenize(command, "snowflake") if one.token_type == TokenType.SEMICOLON]
    cut = [command[start:end] for start, end in zip([0, *(end + 1 for end in ends)], [*ends, None], strict=True)]
    return [statement for statement in cut if statement.strip()]


def of_files(command: str) -> Iterator[str]:
    """Yield a statement about staged files as fakesnow knows it: no quotes around a stage, no options of a format."""
    if found := PUT.fullmatch(command):
        yield f"{found['before']}@{found['stage']}/{found['load']}{found['after']}"
    elif found := COPY.fullmatch(command):
        [file] = staged(found["load"], found["file"])
        name = file.name if file.suffix == ".parquet" else as_parquet(file)
        if name:
            yield (
                f"{found['before']}'@{found['stage']}/{found['load']}/{name}'"
                " FILE_FORMAT = (TYPE = PARQUET) MATCH_BY_COLUMN_NAME = CASE_INSENSITIVE"
            )
        else:
            yield "SELECT 'Copy executed with 0 files processed.' AS status"
    elif found := REMOVE.fullmatch(command):
        for one in staged(found["load"], found["file"]):
            one.unlink()
        yield "SELECT 'removed' AS result"
    else:
        raise AssertionError(command)


def staged(load: str, file: str) -> list[Path]:
    """Return the places of a staged file."""
    return [one for one in Path(stage.LOCAL_BUCKET_PATH).rglob(file) if one.parent.name == load]


def as_parquet(file: Path) -> str | None:
    """Write JSON lines as Parquet beside them: fakesnow matches the columns of no other format. None: there are none."""
    with gzip.open(file) as lines:
        if not lines.read(1):
            return None
    target = file.with_name(f"{file.name}.parquet")
    with duckdb.connect() as connection:
        connection.read_json(str(file)).write_parquet(str(target))
    return target.name


def transform(self: Any, expression: exp.Expr, params: Any) -> exp.Expr:
    """Translate a statement to DuckDB's dialect."""
    return _transform(self, expression.transform(whole_seconds), params)


def whole_seconds(node: exp.Expr) -> exp.Expr:
    """Cut Unix seconds to whole ones. fakesnow rounds them."""
    if isinstance(node, exp.Extract) and node.name.upper() == "EPOCH_SECOND":
        return exp.cast(exp.Floor(this=exp.Anonymous(this="epoch", expressions=[node.expression])), "BIGINT")
    return node


def moments(values: Any) -> pa.Array:
    """Return moments as they are sent. fakesnow would send 1970 for an empty one."""
    sent = timestamp_to_sf_struct(values.fill_null(0))
    empty = pa.chunked_array([values.is_null()]) if isinstance(values, pa.Array) else values.is_null()
    return pa.StructArray.from_arrays(sent.flatten(), fields=list(sent.type), mask=empty.combine_chunks())


timestamp_to_sf_struct = arrow.timestamp_to_sf_struct


def serve() -> None:
    """Serve an empty account until standard input ends."""
    FakeSnowflakeCursor.execute = execute  # type: ignore[method-assign]
    FakeSnowflakeCursor._transform = transform  # type: ignore[method-assign]
    arrow.timestamp_to_sf_struct = moments
    # The service adds whole numbers to whole numbers.
    transforms.numeric_agg_implicit_cast = lambda node: node
    logging.disable(logging.WARNING)
    listener = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(app, log_level="error"))
    threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True).start()
    print(listener.getsockname()[1], flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    serve()
