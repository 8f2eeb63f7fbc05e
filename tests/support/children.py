"""Run the pipeline's commands in processes that can be killed, forked from one that has imported everything."""

import multiprocessing
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

_SERVER = multiprocessing.get_context("forkserver")
_SERVER.set_forkserver_preload(["tests.support.preloaded"])


# Functions with their arguments.
Calls = Sequence[tuple[Any, ...]]


class Ended(NamedTuple):
    """The result of a process: its exit code (negative for a signal) and its output."""

    code: int
    out: str
    err: str


class Child:
    """`python -m pipelines.audit ARGUMENTS` in its own process and environment.

    The process first calls the module-level functions in `prepare` with their arguments.
    """

    def __init__(self, folder: Path, environment: dict[str, str], arguments: list[str], prepare: Calls = ()) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._files = folder / "out.txt", folder / "err.txt"
        self.process = _SERVER.Process(target=_run, args=(self._files, environment, arguments, prepare))
        self.process.start()

    @property
    def errors(self) -> str:
        """Return what the process has written to standard error so far."""
        return self._files[1].read_text(encoding="utf-8") if self._files[1].exists() else ""

    def end(self, timeout: float = 120) -> Ended:
        """Wait for the end. Raises TimeoutError after `timeout` seconds."""
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
        """Kill the process after some seconds, unless it has ended by then."""
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
