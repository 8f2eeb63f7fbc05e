"""A run killed while it exchanges its OAuth refresh token leaves a valid token on disk."""

import os
import signal
import stat
from pathlib import Path
from typing import Any

from sandbox.server import Sandbox
from tests.conftest import SOURCE, Engine
from tests.support.killing import kill_at
from tests.support.places import Place

SMALL: dict[str, Any] = {"events": 60, "days": 2, "users": 4, "rate_limit": 0, "weekend": 1.0}
STORE = "audit_source.auth.token_store"
# Before the request; when the answer is on disk, but not in its place; in its place (the first call puts there what
# the run before has left); when the run goes on with it.
POINTS = [
    (f"{STORE}:_flush", "before", 1),
    (f"{STORE}:_flush", "after", 1),
    (f"{STORE}:_flush", "after", 2),
    (f"{STORE}:_put_in_place", "after", 2),
    ("audit_source.events.decode_process:PageDecoder.decode", "before", 1),
]


def test_rotated_token_survives_a_kill(tmp_path: Path, duck: Engine) -> None:
    with Sandbox(**SMALL, rotate_refresh_tokens=True) as sandbox:
        where = Place(tmp_path, sandbox.url, duck, token_store=tmp_path / "token.json")
        for name in ("EMAIL", "PASSWORD"):
            del where.environment[f"{SOURCE}CREDENTIALS__{name}"]
        where.set(f"{SOURCE}CREDENTIALS__CLIENT_ID", "sandbox-device")
        where.set(f"{SOURCE}CREDENTIALS__REFRESH_TOKEN", "sandbox-refresh-0")
        for point in POINTS:
            assert where.run("load", prepare=[(kill_at, *point)]).code == -signal.SIGKILL
            kept = [path for path in tmp_path.iterdir() if path.name.startswith("token.json")]
            assert all(stat.S_IMODE(os.stat(path).st_mode) == 0o600 for path in kept)
        ended = where.run("load")
        assert ended.code == 0, ended
        # Each trade needs the token that the one before has left.
        assert [seen.status for seen in sandbox.requests if seen.path == "/oauth/token"] == [200] * 4
        assert not (tmp_path / "token.json.new").exists()
    assert duck.rows("select count(*) > 5, count(*) = count(distinct id) from anaplan_audit_raw.events") == [
        (True, True)
    ]
