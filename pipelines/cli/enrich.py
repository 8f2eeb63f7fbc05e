"""The command `enrich`."""

import click

from pipelines.run.steps import enrich_step

from .all_tenants import WritingCommand
from .options import full_refresh_option
from .recorded_run import recorded_run
from .run_output import print_enriched, print_seconds


@click.command(cls=WritingCommand)
@full_refresh_option
def enrich(full_refresh: bool) -> int:
    """Bring the enriched tables up to date with the raw tables."""
    with recorded_run("enrich", needs_tables=True) as run:
        print_enriched(enrich_step(run, full_refresh))
        print_seconds(run.record)
    return run.record.exit_code
