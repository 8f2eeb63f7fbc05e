"""Permissions of the files that a command writes: databases, copies, exports, tokens."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

SETTING = "pipelines.anaplan_audit.group_can_read"
PRIVATE, FOR_GROUP = 0o077, 0o027


@contextmanager
def private_files() -> Iterator[None]:
    """Create files that other accounts cannot read: they hold names and addresses of users."""
    before = os.umask(FOR_GROUP if group_can_read() else PRIVATE)
    try:
        yield
    finally:
        os.umask(before)


def tighten(path: str) -> None:
    """Remove permissions of others from a file that an older version, or a person, left readable."""
    if os.name != "posix" or not os.path.exists(path):
        return
    mode = os.stat(path).st_mode & 0o777
    wanted = mode & ~(FOR_GROUP if group_can_read() else PRIVATE)
    if mode != wanted and os.stat(path).st_uid == os.getuid():
        os.chmod(path, wanted)


def group_can_read() -> bool:
    """Return the setting `group_can_read`: whether the group of the account may read."""
    from .flags import flag

    try:
        return flag(SETTING)
    except Exception:
        # The command itself reports an unreadable configuration.
        return False
