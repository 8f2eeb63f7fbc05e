"""The rotated refresh token is on disk before it is used, never readable by others, and never half written."""

import json
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from audit_source.auth.token_store import TokenStore
from audit_source.errors import ConfigurationError
from tests.conftest import REPOSITORY

# Function, before or after, number of the call: the token that is valid after a kill there.
KILLS = {
    ("_flush", "before", 1): "first",
    ("_flush", "after", 1): "first",
    ("_flush", "after", 2): "second",
    ("_put_in_place", "after", 1): "second",
}
# Writes a token in one process for each kill.
WRITE = """
import json, os, signal, sys
from audit_source.auth.token_store import TokenStore
from tests.support.killing import kill_at
for number, (function, when, call) in enumerate(json.loads(sys.argv[2])):
    child = os.fork()
    if not child:
        kill_at(f"audit_source.auth.token_store:{function}", when, call)
        with TokenStore(f"{sys.argv[1]}/{number}/token.json").reserve() as slot:
            slot.write("first", "second")
        os._exit(0)
    assert os.WTERMSIG(os.waitpid(child, 0)[1]) == signal.SIGKILL, function
"""


def test_configured_token_is_used_until_one_is_stored(tmp_path: Path):
    store = TokenStore(str(tmp_path / "deep" / "token.json"))
    assert store.newest("first") == "first"
    with store.reserve() as slot:
        slot.write("first", "second")
    assert store.newest("first") == "second"
    assert TokenStore(store.path).newest("first") == "second"


def test_newly_configured_token_overrides_the_store(tmp_path: Path):
    store = TokenStore(str(tmp_path / "token.json"))
    with store.reserve() as slot:
        slot.write("first", "second")
    assert store.newest("fresh") == "fresh"


def test_file_is_private_and_does_not_contain_the_configured_token(tmp_path: Path):
    store = TokenStore(str(tmp_path / "token.json"))
    with store.reserve() as slot:
        slot.write("configured-secret", "rotated-secret")

    assert stat.S_IMODE(os.stat(store.path).st_mode) == 0o600
    assert "configured-secret" not in Path(store.path).read_text()
    assert json.loads(Path(store.path).read_text())["refresh_token"] == "rotated-secret"
    assert os.listdir(tmp_path) == ["token.json"]


def test_old_token_is_kept_if_nothing_is_written_or_the_caller_fails(tmp_path: Path):
    store = TokenStore(str(tmp_path / "token.json"))
    with store.reserve() as slot:
        slot.write("first", "second")
    with pytest.raises(RuntimeError), store.reserve():
        raise RuntimeError("no answer")
    with store.reserve():
        pass
    assert store.newest("first") == "second"
    assert os.listdir(tmp_path) == ["token.json"]


def test_unwritable_folder_is_detected_before_the_old_token_is_used(tmp_path: Path):
    (tmp_path / "file").write_text("no folder")
    asked = []
    with (
        pytest.raises(ConfigurationError, match="cannot be written"),
        TokenStore(str(tmp_path / "file" / "t")).reserve(),
    ):
        asked.append("the token service")
    assert asked == []


def test_full_disk_is_detected_before_the_old_token_is_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("audit_source.auth.token_store.os.fsync", full)
    asked = []
    with pytest.raises(ConfigurationError, match="No space left"), TokenStore(str(tmp_path / "t")).reserve():
        asked.append("the token service")
    assert asked == []
    assert os.listdir(tmp_path) == []


def test_damaged_store_is_reported_and_not_overwritten(tmp_path: Path):
    (tmp_path / "token.json").write_text('{"refresh')
    with pytest.raises(ConfigurationError, match="cannot be read"):
        TokenStore(str(tmp_path / "token.json")).newest("first")
    assert (tmp_path / "token.json").read_text() == '{"refresh'


def test_a_kill_at_any_moment_leaves_the_newest_token(tmp_path: Path):
    """`tests/torture/test_token_killed.py` kills whole runs."""
    command = [sys.executable, "-c", WRITE, str(tmp_path), json.dumps([*KILLS])]
    subprocess.run(command, env={**os.environ, "PYTHONPATH": str(REPOSITORY)}, check=True)
    for number, valid in enumerate(KILLS.values()):
        store = TokenStore(str(tmp_path / str(number) / "token.json"))
        assert store.newest("first") == valid
        # The killed process may have sent the token, unless the new one is there.
        assert store.answer_was_lost == (valid == "first")
        with store.reserve() as slot:
            slot.write("first", "third")
        assert store.newest("first") == "third"
