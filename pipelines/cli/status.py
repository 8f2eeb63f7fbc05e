"""The command `status`: reads quickly, then prints."""

import re
from datetime import timedelta

import click

from pipelines.common.exit_codes import DONE, FAILED
from pipelines.monitoring.status import read_status
from pipelines.warehouse.reader import open_reader

from .status_report import as_json, as_text

LONGEST_AGE = timedelta(days=36_500)
_UNITS = {"m": "minutes", "h": "hours", "d": "days"}


def show_status(json_wanted: bool, age: timedelta, runs: int, wait_seconds: float) -> int:
    """Prints the status and returns the exit code: 0, or 1 where there is a problem.

    Raises:
        PipelineError: The destination cannot be read, or a run holds the DuckDB file for too long.
    """
    # The file is closed before anything is printed: a pager must not keep the next run out.
    with open_reader(wait_seconds) as reader:
        status = read_status(reader, age, runs)
    click.echo(as_json(status) if json_wanted else as_text(status))
    return DONE if status["ok"] else FAILED


def parse_age(text: str) -> timedelta:
    """Returns the length of time that `90m`, `3h` or `2d` names.

    Raises:
        UsageError: It is none of these.
    """
    match = re.fullmatch(r"(\d+(?:\.\d+)?)([mhd])", text.strip())
    if match is None:
        raise click.UsageError(f"--max-age: `{text}` is no length of time. Write 90m, 3h or 2d.")
    try:
        age = timedelta(**{_UNITS[match[2]]: float(match[1])})
    except OverflowError:
        age = LONGEST_AGE + timedelta(1)
    if age > LONGEST_AGE:
        raise click.UsageError(f"--max-age: `{text[:40]}` is too long. Write {LONGEST_AGE.days}d or less.")
    return age
