"""Who may read the files that a command writes: databases, copies, exports, tokens."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

SETTING = "pipelines.anaplan_audit.group_can_read"
PRIVATE, FOR_GROUP = 0o077, 0o027


@contextmanager
def private_files() -> Iterator[None]:
    """Keep new files from other accounts: names of users and their addresses are in them."""
    before = os.umask(FOR_GROUP if group_can_read() else PRIVATE)
    try:
        yield
    finally:
        os.umask(before)


def tighten(path: str) -> None:
    """Take away what others may do with a file that an older version, or somebody, has left open to them."""
    if os.name != "posix" or not os.path.exists(path):
        return
    mode = os.stat(path).st_mode & 0o777
    wanted = mode & ~(FOR_GROUP if group_can_read() else PRIVATE)
    if mode != wanted and os.stat(path).st_uid == os.getuid():
        os.chmod(path, wanted)


def group_can_read() -> bool:
    """Return whether the setting `group_can_read` lets the group of the account read."""
    import dlt

    try:
        return bool(dlt.config.get(SETTING, bool))
    except Exception:
        # What cannot be read of the configuration is reported by the command itself.
        return False
