"""The command `status`."""

import re
import sys
from datetime import timedelta

import click

from pipelines.common.exit_codes import DONE, FAILED

from .all_tenants import StatusCommand
from .demo_data import show_demo
from .options import wait_option

LONGEST_AGE = timedelta(days=36_500)
_UNITS = {"m": "minutes", "h": "hours", "d": "days"}


def show_status(json_wanted: bool, age: timedelta, runs: int, wait_seconds: float) -> int:
    """Print the status. Return the exit code: 0, or 1 if there is a problem.

    Raises:
        PipelineError: The destination cannot be read, or a run holds the DuckDB file for too long.
    """
    from pipelines.cli.status_report import as_json, as_text
    from pipelines.monitoring.status import read_status
    from pipelines.warehouse.reader import open_reader

    # Close the file before printing: a pager must not block the next run.
    with open_reader(wait_seconds) as reader:
        status = read_status(reader, age, runs)
    click.echo(as_json(status) if json_wanted else as_text(status, wrap=sys.stdout.isatty()))
    return DONE if status["ok"] else FAILED


def parse_age(text: str) -> timedelta:
    """Return the duration of `90m`, `3h` or `2d`.

    Raises:
        UsageError: The text has another form.
    """
    match = re.fullmatch(r"(\d+(?:\.\d+)?)([mhd])", text.strip())
    if match is None:
        raise click.UsageError(f"--max-age: `{text}` is not a duration. Write 90m, 3h or 2d.")
    try:
        age = timedelta(**{_UNITS[match[2]]: float(match[1])})
    except OverflowError:
        age = LONGEST_AGE + timedelta(1)
    if age > LONGEST_AGE:
        raise click.UsageError(f"--max-age: `{text[:40]}` is too long. Write {LONGEST_AGE.days}d or less.")
    return age


max_age_option = click.option(
    "--max-age", default="3h", show_default=True, help="Data older than this is stale: 90m, 3h, 2d."
)


@click.command(cls=StatusCommand)
@click.option("--json", "json_wanted", is_flag=True, help="Print JSON.")
@max_age_option
@click.option(
    "--runs", default=10, type=click.IntRange(0, 100_000), show_default=True, help="Number of last runs to list."
)
@wait_option
def status(json_wanted: bool, max_age: str, runs: int, wait: float) -> int:
    """Show how fresh and complete the data is. Exit code 1 if it is stale or incomplete."""
    from pipelines.common.configuration import check_settings

    age = parse_age(max_age)
    check_settings()
    if not json_wanted:
        # What reads JSON watches the user's own data: a lost database must not look like the demo's.
        show_demo()
    return show_status(json_wanted, age, runs, wait)
