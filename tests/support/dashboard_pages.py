"""The metrics of a drawn dashboard page, and a process that locks the database."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from streamlit.testing.v1 import AppTest

Draw = Callable[[str], AppTest]


def numbers(page: AppTest) -> dict[str, str]:
    return {metric.label: metric.value for metric in page.metric}


@contextmanager
def writer(database: Path) -> Iterator[None]:
    """Hold the database open for writing in another process, as a load does: DuckDB admits one process."""
    code = "import duckdb, sys; connection = duckdb.connect(sys.argv[1]); print('in', flush=True); sys.stdin.read()"
    command = [sys.executable, "-c", code, str(database)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout and process.stdout.readline() == "in\n"
        os.utime(database, (time.time() + 1, time.time() + 1))
        yield
        process.communicate()
