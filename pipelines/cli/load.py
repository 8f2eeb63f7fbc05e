"""The command `load`."""

from datetime import datetime

import click

from pipelines.run.steps import load_step
from pipelines.run.summary import ending_of

from .all_tenants import LoadingCommand
from .options import accept_directory_option, check_span, span_options
from .recorded_run import recorded_run
from .run_output import print_loaded, print_seconds


@click.command(cls=LoadingCommand)
@span_options
@accept_directory_option
def load(since: datetime | None, until: datetime | None, accept_directory: bool) -> int:
    """Load new data into the raw tables."""
    check_span(since, until)
    with recorded_run("load") as run:
        print_loaded(load_step(run, since, until, accept_directory))
        print_seconds(run.record)
        run.record.set_outcome(*ending_of(run.record))
    return run.record.exit_code
