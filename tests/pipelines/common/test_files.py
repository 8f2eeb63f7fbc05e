"""The files that commands write: their permissions, damage, and what may not be replaced."""

import os
import stat
import threading
import time
from pathlib import Path
from typing import Any

import duckdb
import pytest

from pipelines.common.account import account_name
from pipelines.common.spreadsheet import harmless
from pipelines.warehouse.duckdb.errors import is_held, unusable
from pipelines.warehouse.duckdb.file import HEADER_BYTES
from tests.conftest import Engine, Tenant, event, plain_server
from tests.support.prepared import PreparedFolders

NOW = int(time.time() * 1000)
EVENTS = [event(n, NOW - n * 60_000 - 120_000) for n in range(20)]


@pytest.fixture
def loaded(tenant: Tenant, duck: Engine, few_models: None, prepared_folders: PreparedFolders, tmp_path: Path) -> Any:
    def run() -> None:
        assert tenant.run("run").code == 0

    tenant.set("HISTORY_DAYS", 2)
    with plain_server(EVENTS, {}) as server:
        tenant.at(server.url)
        prepared_folders.restore("files", tmp_path, run)
        yield tenant


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_written_files_are_private(loaded: Tenant, database: Path, tmp_path: Path, monkeypatch: Any) -> None:
    assert mode(database) == 0o600
    assert loaded.run("export", "events", "--to", str(tmp_path / "e.csv")).code == 0
    assert mode(tmp_path / "e.csv") == 0o600
    monkeypatch.setenv("PIPELINES__ANAPLAN_AUDIT_ENRICH__PUBLISH_TO", str(tmp_path / "copy.duckdb"))
    monkeypatch.setenv("PIPELINES__ANAPLAN_AUDIT__GROUP_CAN_READ", "true")
    assert loaded.run("check").code == 0
    assert mode(tmp_path / "copy.duckdb") == 0o640
    # Files that an older version left readable become private.
    database.chmod(0o644)
    assert loaded.run("check").code == 0
    assert mode(database) == 0o640


def test_a_damaged_database_is_named_by_every_command(loaded: Tenant, database: Path) -> None:
    content = bytearray(database.read_bytes())
    half = bytes(content[: len(content) // 2])
    content[4096 * 3 :] = os.urandom(len(content) - 4096 * 3)
    database.write_bytes(half)
    assert loaded.run("status").code == 1
    database.write_bytes(content)
    for command in (["status"], ["report"], ["run"], ["export", "events"]):
        outcome = loaded.run(*command)
        assert outcome.code == 1, (command, outcome)
        assert "is damaged" in outcome.err and "restore the last copy" in outcome.err, command


def opens(database: Path) -> bool:
    try:
        duckdb.connect(str(database), read_only=True).close()
    except duckdb.Error:
        return False
    return True


@pytest.mark.long
def test_damage_found_by_a_statement_is_reported(tenant: Tenant, database: Path, tmp_path: Path) -> None:
    now = int(time.time() * 1000)
    sent = [event(number, now - 600_000 - number * 1000, message=f"text {number * 7919}") for number in range(3_000)]
    tenant.set("HISTORY_DAYS", 2)
    with plain_server(sent) as server:
        assert tenant.at(server.url).run("load").code == 0
    whole = database.read_bytes()
    told = f"`{database}` is damaged ("
    for block in range(HEADER_BYTES, len(whole), 262_144):
        database.write_bytes(whole[: block + 5_000] + b"\xff" * 500 + whole[block + 5_500 :])
        if not opens(database):
            continue
        outcome = tenant.run("export", "events", "--to", str(tmp_path / "out.csv"), "--force")
        if outcome.code:
            break
    assert outcome.code == 1 and told in outcome.err, outcome
    outcome = tenant.run("enrich")
    assert outcome.code == 1 and told in outcome.err and "unchanged" not in outcome.err, outcome


def test_words_in_the_path_are_not_reported_as_damage(tenant: Tenant, tmp_path: Path, monkeypatch: Any) -> None:
    folder = tmp_path / "INTERNAL Error metadata block lock"
    folder.mkdir()
    (folder / "audit.duckdb").write_text("a text file, longer than what DuckDB needs to look at " * 400)
    monkeypatch.setenv("DESTINATION__DUCKDB__CREDENTIALS", str(folder / "audit.duckdb"))
    outcome = tenant.run("status", "--wait", "0")
    assert outcome.code == 2 and "damaged" not in outcome.err


def test_unsupported_file_lock_is_not_waited_for() -> None:
    for words in ("Operation not supported", "No locks available"):
        reason = f'IO Error: Could not set lock on file "/mnt/x.duckdb": {words}'
        assert not is_held(reason)
        assert unusable("/mnt/x.duckdb", reason).code == 2 and "has no locks" in str(unusable("/mnt/x.duckdb", reason))
    assert is_held('IO Error: Could not set lock on file "x": Conflicting lock is held in python (PID 5). See')


@pytest.mark.parametrize("stem", ["ANAPLAN_AUDIT_STAGING", "anaplan_audit_raw", "information_schema", "Main"])
def test_database_names_equal_to_schemas_are_rejected(
    tenant: Tenant, tmp_path: Path, monkeypatch: Any, stem: str
) -> None:
    tenant.at("http://127.0.0.1:9")
    monkeypatch.setenv("DESTINATION__DUCKDB__CREDENTIALS", str(tmp_path / f"{stem}.duckdb"))
    outcome = tenant.run("run")
    assert outcome.code == 2 and "is also the name of a schema" in outcome.err
    assert not (tmp_path / f"{stem}.duckdb").exists()


def test_memory_databases_and_unusual_folders_are_rejected(tenant: Tenant, tmp_path: Path, monkeypatch: Any) -> None:
    tenant.at("http://127.0.0.1:9")
    with monkeypatch.context() as changed:
        changed.setenv("DESTINATION__DUCKDB__CREDENTIALS", ":memory:")
        outcome = tenant.run("run")
        assert outcome.code == 2 and "would be in memory only" in outcome.err
    for sign in "'%":
        monkeypatch.setenv("DLT_DATA_DIR", str(tmp_path / f"a{sign}b"))
        outcome = tenant.run("run")
        assert outcome.code == 2 and "DLT_DATA_DIR" in outcome.err


def test_export_replaces_files_only(loaded: Tenant, tmp_path: Path) -> None:
    kept = tmp_path / "kept.csv"
    kept.write_text("old")
    link = tmp_path / "link.csv"
    link.symlink_to(kept)
    assert loaded.run("export", "events", "--to", str(link), "--force").code == 0
    assert link.is_symlink() and kept.read_bytes().startswith(b"\xef\xbb\xbf")
    for own in (tmp_path / "audit_log.duckdb", tmp_path / "audit_log.duckdb.wal"):
        outcome = loaded.run("export", "events", "--format", "csv", "--to", str(own), "--force")
        assert outcome.code == 2 and "the pipeline itself needs this file" in outcome.err
    assert loaded.run("status").code == 0
    outcome = loaded.run("export", "events", "--to", str(tmp_path), "--force")
    assert outcome.code == 2 and "is a directory" in outcome.err
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    read: list[bytes] = []
    reader = threading.Thread(target=lambda: read.append(pipe.read_bytes()))
    reader.start()
    assert loaded.run("export", "events", "--format", "csv", "--to", str(pipe), "--force").code == 0
    reader.join(10)
    assert stat.S_ISFIFO(pipe.stat().st_mode) and read[0] == kept.read_bytes()
    assert loaded.run("export", "events", "--format", "csv", "--to", "/dev/null", "--force").code == 0
    assert stat.S_ISCHR(os.stat("/dev/null").st_mode)


@pytest.mark.parametrize("text", ["=1", " =1", "\u00a0=1", "\t=1", "\u200b@x", "\u3000\uff1d1", "-1", "+1"])
def test_formulas_after_blanks_are_escaped(text: str) -> None:
    assert harmless(text) == "'" + text


def test_other_texts_are_unchanged() -> None:
    assert [harmless(text) for text in ("a=1", "", " plain", "'=1")] == ["a=1", "", " plain", "'=1"]


def test_account_without_a_passwd_entry_is_shown_by_number(monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown() -> str:
        raise KeyError("getpwuid(): uid not found: 4711")

    monkeypatch.setattr("getpass.getuser", unknown)
    assert account_name() == f"uid {os.getuid()}"
