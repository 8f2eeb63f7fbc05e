"""Processes that take the lease on an engine that has another lock, and that stand still for an hour."""

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

from tests.support.children import Child
from tests.support.killing import act_at

HOUR = 3_600.0
LEASES = "anaplan_audit_raw.run_leases"
CHECK = "pipelines.warehouse.lease.holder:Lease.check"


def take_the_lease() -> None:
    """Replace the lock of PostgreSQL in this process by the lease, which other engines use."""
    from pipelines.warehouse.engine import Engine
    from pipelines.warehouse.postgres import Postgres

    Postgres.lock = Engine.lock  # type: ignore[method-assign]
    Postgres.has_lease = True


def stop_at(function: str, number: int, when: str = "before") -> None:
    """Stop this process, with all its threads, at the `number`-th call of a function."""
    act_at(function, when, number, lambda: os.kill(os.getpid(), signal.SIGSTOP))


def let_an_hour_pass(since: str) -> None:
    """Let the clocks of this process be an hour later once a file exists."""
    from pipelines.warehouse.lease import clock

    read: Callable[[], tuple[float, ...]] = clock.reading
    clock.reading = lambda: tuple(moment + HOUR * os.path.exists(since) for moment in read())


def await_stop(child: Child) -> None:
    """Wait until a process has stopped itself."""
    while _state(child) != "T":
        assert child.process.is_alive(), "the process has ended"
        time.sleep(0.01)


def go_on(child: Child) -> None:
    """Continue a process that has stopped."""
    assert child.process.pid is not None
    os.kill(child.process.pid, signal.SIGCONT)


def _state(child: Child) -> str:
    with open(f"/proc/{child.process.pid}/stat") as file:
        return file.read().rpartition(")")[2].split()[0]


def contend(environment: dict[str, str], folder: str, rounds: int) -> None:
    """Take the lock of the configured destination again and again, and note in files how often it was held.

    A file exists while it is held. A second holder could not create it, and would note `overlap`.
    """
    os.environ.update(environment)
    import dlt

    from pipelines.common.exit_codes import LOCKED, PipelineError
    from pipelines.warehouse.engine import engine
    from pipelines.warehouse.lease import holder

    if engine().name == "postgres":
        # Waiting for a younger claim must not take longer than all rounds of the others.
        holder.PAUSES = (0.1, 0.2, 0.3)
        take_the_lease()
    pipeline = dlt.pipeline("contending", destination=engine().destination(), dataset_name="anaplan_audit_raw")
    for number in range(rounds):
        try:
            with engine().lock(pipeline, "anaplan_audit_raw"):
                _be_alone(Path(folder), f"{os.getpid()}-{number}")
        except PipelineError as error:
            (Path(folder) / f"{'refused' if error.code == LOCKED else 'failed'}-{os.getpid()}-{number}").touch()


def _be_alone(folder: Path, name: str) -> None:
    inside = folder / "inside"
    try:
        inside.touch(exist_ok=False)
    except FileExistsError:
        (folder / f"overlap-{name}").touch()
        return
    time.sleep(0.02)
    inside.unlink()
    (folder / f"held-{name}").touch()
