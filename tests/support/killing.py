"""End this process by SIGKILL at a given call of a function (`package.module:Class.method`), or at a given step."""

import functools
import importlib
import os
import signal
import sys
from collections.abc import Callable
from typing import Any


def kill_at(function: str, when: str, number: int) -> None:
    """Kill the process at the `number`-th call of a function, before or after the call."""
    act_at(function, when, number, die)


def act_at(function: str, when: str, number: int, act: Callable[[], None]) -> None:
    """Call `act` at the `number`-th call of a function, before or after the call."""
    module_name, _, path = function.partition(":")
    owner: Any = importlib.import_module(module_name)
    *owners, name = path.split(".")
    for part in owners:
        owner = getattr(owner, part)
    original: Callable[..., Any] = getattr(owner, name)
    calls = 0

    @functools.wraps(original)
    def watched(*args: Any, **kwargs: Any) -> Any:
        nonlocal calls
        calls += 1
        called = calls
        if called == number and when == "before":
            act()
        result = original(*args, **kwargs)
        if called == number and when == "after":
            act()
        return result

    setattr(owner, name, watched)


def kill_at_step(number: int) -> None:
    """Kill the process at its `number`-th system operation through Python: on files, folders or sockets."""
    steps = 0

    def watch(event: str, _: Any) -> None:
        nonlocal steps
        if event.startswith(("open", "os.", "socket.", "shutil.", "tempfile.")):
            steps += 1
            if steps == number:
                die()

    sys.addaudithook(watch)


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)
