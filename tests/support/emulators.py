"""Emulators of warehouses for tests: each in a process of its own, with packages of its own."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

SUPPORT = Path(__file__).parent


@contextmanager
def emulator(variable: str, program: str) -> Iterator[str]:
    """Run a program of this folder with the Python in the folder that a variable names; give the port that it prints.

    Meanwhile, modules that this process lacks come from the packages of that Python: it has the driver too.
    """
    python = Path(os.environ[variable]) / "python"
    packages = subprocess.run(
        [python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"],
        capture_output=True, text=True, check=True,
    ).stdout.strip()  # fmt: skip
    process = subprocess.Popen(
        # Modules of this folder must not be found in place of packages.
        [python, "-P", SUPPORT / program],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdin and process.stdout
    sys.path.append(packages)
    try:
        # Other lines are its log.
        yield next(line for line in map(str.strip, process.stdout) if line.isdigit())
    finally:
        sys.path.remove(packages)
        process.kill()
        process.wait()
        process.stdin.close()
        process.stdout.close()
