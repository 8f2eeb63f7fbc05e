"""Every destination gets through its first load as `python -m pipelines.audit` starts it, up to what it would send.

It must not print a warning. Packages that the program leaves out, formats of files and types of columns have each made a
destination unusable.
"""

import os
import subprocess
import sys

from tests.conftest import REPOSITORY
from tests.support.drivers import KINDS, SETTINGS


def test_every_destination_gets_through_a_first_load() -> None:
    settings = {
        f"DESTINATION__{kind}__CREDENTIALS__{name}".upper(): value
        for kind, values in SETTINGS.items()
        for name, value in values.items()
    }
    ended = subprocess.run(
        [sys.executable, REPOSITORY / "tests" / "support" / "first_load.py", *KINDS],
        env={**os.environ, **settings, "PYTHONPATH": str(REPOSITORY)},
        capture_output=True, text=True,
    )  # fmt: skip
    assert (ended.returncode, ended.stderr) == (0, "")
    assert ended.stdout.splitlines() == [f"{kind} 2" for kind in KINDS]
