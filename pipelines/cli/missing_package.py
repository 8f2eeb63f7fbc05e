"""The end of a command whose packages are not installed. It imports nothing but the standard library."""

import sys

# `CONFIGURATION` of the exit codes, which cannot be imported then.
CONFIGURATION = 2


def end_without(package: str | None) -> None:
    """Say which package is missing, and end the program."""
    sys.stderr.write(
        f"audit: this Python ({sys.executable}) lacks the package `{package}`. "
        "Run `make setup`, then start the command with `.venv/bin/python`.\n"
    )
    sys.exit(CONFIGURATION)
