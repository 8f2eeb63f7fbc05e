"""The command `check`."""

import click

from pipelines.run.steps import check_step, publish_step, publish_to
from pipelines.run.summary import note_outcome, say_checked, say_seconds

from .command_group import debug_option
from .recorded_run import watched_run


@click.command
@debug_option
def check() -> int:
    """Run the data checks over the enriched tables."""
    with watched_run("check", needs_tables=True) as (pipelines, _, record):
        copy = publish_to()
        say_checked(check_step(pipelines, record))
        publish_step(pipelines, copy, record)
        say_seconds(record)
        note_outcome(record)
    return record.exit_code
