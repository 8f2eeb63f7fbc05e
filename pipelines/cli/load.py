"""The command `load`."""

from datetime import datetime

import click

from pipelines.run.steps import load_step
from pipelines.run.summary import note_outcome, say_loaded, say_seconds

from .command_group import debug_option
from .options import accept_directory_option, check_span, span_options
from .recorded_run import watched_run


@click.command
@debug_option
@span_options
@accept_directory_option
def load(since: datetime | None, until: datetime | None, accept_directory: bool) -> int:
    """Load what is new into the raw tables."""
    check_span(since, until)
    with watched_run("load") as (pipelines, progress, record):
        say_loaded(load_step(pipelines, progress, since, until, record, accept_directory))
        say_seconds(record)
        note_outcome(record)
    return record.exit_code
