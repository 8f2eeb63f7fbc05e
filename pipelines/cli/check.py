"""The command `check`."""

import click

from pipelines.run.steps import check_step, publish_step, publish_targets
from pipelines.run.summary import ending_of

from .all_tenants import WritingCommand
from .recorded_run import recorded_run
from .run_output import print_checked, print_published, print_seconds


@click.command(cls=WritingCommand)
def check() -> int:
    """Run the data checks on all days of the enriched tables."""
    with recorded_run("check", needs_tables=True) as run:
        copies = publish_targets()
        print_checked(check_step(run))
        print_published(publish_step(run, copies))
        print_seconds(run.record)
        run.record.set_outcome(*ending_of(run.record))
    return run.record.exit_code
