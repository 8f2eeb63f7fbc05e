"""Runs the pipeline in a process that dies, by SIGKILL, at a given call of a given function.

python -m tests.killing FUNCTION before|after NUMBER COMMAND...   (FUNCTION as `package.module:Class.method`)
"""

import functools
import importlib
import os
import signal
import sys
from collections.abc import Callable
from typing import Any


def kill_at(function: str, when: str, number: int) -> None:
    """Replaces a function by itself, with death at its `number`-th call, before or after it does its work."""
    module_name, _, path = function.partition(":")
    owner: Any = importlib.import_module(module_name)
    *owners, name = path.split(".")
    for part in owners:
        owner = getattr(owner, part)
    original: Callable[..., Any] = getattr(owner, name)
    calls = 0

    @functools.wraps(original)
    def deadly(*args: Any, **kwargs: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls == number and when == "before":
            os.kill(os.getpid(), signal.SIGKILL)
        result = original(*args, **kwargs)
        if calls == number and when == "after":
            os.kill(os.getpid(), signal.SIGKILL)
        return result

    setattr(owner, name, deadly)


if __name__ == "__main__":
    kill_at(sys.argv[1], sys.argv[2], int(sys.argv[3]))
    from pipelines.audit import cli

    cli(sys.argv[4:])
