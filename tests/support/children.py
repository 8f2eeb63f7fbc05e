"""Runs the pipeline's commands in processes that may die: forked off one that has imported everything already."""

import multiprocessing
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

_SERVER = multiprocessing.get_context("forkserver")
_SERVER.set_forkserver_preload(["tests.support.preloaded"])


# Functions, each with its arguments.
Calls = Sequence[tuple[Any, ...]]


class Ended(NamedTuple):
    """How a process ended: its exit code, negative for a signal, and what it wrote."""

    code: int
    out: str
    err: str


class Child:
    """`python -m pipelines.audit ARGUMENTS` in a process of its own, in an environment of its own.

    `prepare` are module-level functions with their arguments, which are called there first.
    """

    def __init__(self, folder: Path, environment: dict[str, str], arguments: list[str], prepare: Calls = ()) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._files = folder / "out.txt", folder / "err.txt"
        self.process = _SERVER.Process(target=_run, args=(self._files, environment, arguments, prepare))
        self.process.start()

    def end(self, timeout: float = 120) -> Ended:
        """Waits for the end."""
        self.process.join(timeout)
        if self.process.is_alive():
            self.process.kill()
            self.process.join()
            raise TimeoutError(f"still running after {timeout} s: {self._files[1].read_text()}")
        out, err = (file.read_text(encoding="utf-8") for file in self._files)
        code = self.process.exitcode
        self.process.close()
        assert code is not None
        return Ended(code, out, err)

    def kill_after(self, seconds: float) -> Ended:
        """Kills it after a while, wherever it is then; it may have ended by itself."""
        self.process.join(seconds)
        if self.process.is_alive():
            self.process.kill()
        return self.end()


def _run(files: tuple[Path, Path], environment: dict[str, str], arguments: list[str], prepare: Calls) -> None:
    for number, file in enumerate(files, 1):
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(descriptor, number)
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(files[0].parent)
    for function, *values in prepare:
        function(*values)
    from pipelines.audit import cli

    cli(arguments, prog_name="audit")
