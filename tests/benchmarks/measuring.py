"""Seconds and memory of a process and its child processes."""

import os
import resource
import subprocess
import threading
import time
from pathlib import Path
from typing import NamedTuple


class Measured(NamedTuple):
    """`peak_mb` is proportional: shared memory counts once. `cpu` is the processor time in seconds."""

    seconds: float
    peak_mb: float
    out: str
    err: str
    cpu: float = 0.0


def measure(command: list[str], environment: dict[str, str]) -> Measured:
    """Run a command and measure it.

    Raises:
        RuntimeError: The exit code is not 0.
    """
    began, cpu = time.monotonic(), _cpu_of_children()
    process = subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, encoding="utf-8"
    )
    peak = [0.0]
    watcher = threading.Thread(target=_watch, args=(process, peak), daemon=True)
    watcher.start()
    out, err = process.communicate()
    seconds = time.monotonic() - began
    if process.returncode:
        raise RuntimeError(f"{command}: exit {process.returncode}\n{err[-2000:]}")
    return Measured(seconds, peak[0], out, err, _cpu_of_children() - cpu)


def _cpu_of_children() -> float:
    """Return the processor time of the child processes that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def cpu_seconds(pid: int) -> float:
    """Return the CPU seconds that a running process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _watch(process: "subprocess.Popen[str]", peak: list[float]) -> None:
    while process.poll() is None:
        peak[0] = max(peak[0], sum(map(_proportional_mb, _family(process.pid))))
        time.sleep(0.1)


def _family(pid: int) -> list[int]:
    members = [pid]
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        try:
            children = task.read_text().split()
        except OSError:
            continue
        for child in children:
            members.extend(_family(int(child)))
    return members


def _proportional_mb(pid: int) -> float:
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0.0
    return sum(int(line.split()[1]) for line in lines if line.startswith("Pss:")) / 1024
