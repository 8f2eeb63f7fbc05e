"""DuckDB's own messages, made by the installed DuckDB: each is recognised by its text, so an upgrade may break this."""

import os
import subprocess
import sys
from pathlib import Path

import duckdb
import pytest

from pipelines.common.exit_codes import CONFIGURATION, FAILED
from pipelines.warehouse.duckdb.errors import damage_found, holder, is_held, unusable


def message_of(path: Path) -> str:
    with pytest.raises(duckdb.Error) as raised:
        duckdb.connect(str(path))
    return str(raised.value)


def test_a_file_that_another_process_has_open(tmp_path: Path) -> None:
    path = tmp_path / "audit.duckdb"
    program = f"import duckdb; c = duckdb.connect({str(path)!r}); print('open', flush=True); input()"
    with subprocess.Popen(
        [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as other:
        assert other.stdout is not None and other.stdout.readline() == "open\n"
        reason = message_of(path)
        other.communicate("\n")
    assert is_held(reason)
    assert holder(reason) == f"{os.path.basename(os.path.realpath(sys.executable))} (PID {other.pid})"


def test_files_that_are_not_databases(tmp_path: Path) -> None:
    text = tmp_path / "notes.duckdb"
    text.write_text("not a database " * 2_000)
    error = unusable(str(text), message_of(text))
    assert error.code == CONFIGURATION and "is not a DuckDB database" in str(error)
    missing = tmp_path / "nowhere" / "audit.duckdb"
    error = unusable(str(missing), message_of(missing))
    assert error.code == CONFIGURATION and f"folder `{missing.parent}` does not exist" in str(error)


def test_damage_is_found_in_the_causes_of_an_error(tmp_path: Path) -> None:
    path = tmp_path / "audit.duckdb"
    with duckdb.connect(str(path)) as connection:
        connection.execute("create table things as select i, hash(i) as h from range(500000) r(i)")
    content = bytearray(path.read_bytes())
    content[len(content) // 2 : len(content) // 2 + 4_000] = b"\xff" * 4_000
    path.write_bytes(content)
    with pytest.raises(duckdb.Error) as raised, duckdb.connect(str(path), read_only=True) as connection:
        connection.execute("select sum(i), sum(h) from things").fetchall()
    found = damage_found([ValueError("computed checksum"), raised.value], str(path))
    assert found is not None and found.code == FAILED and f"`{path}` is damaged" in str(found)
    assert damage_found([ValueError("computed checksum")], str(path)) is None
