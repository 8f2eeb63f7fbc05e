"""The command `enrich`."""

import click

from pipelines.run.steps import enrich_step
from pipelines.run.summary import say_enriched, say_seconds

from .command_group import debug_option
from .options import full_refresh_option
from .recorded_run import watched_run


@click.command
@debug_option
@full_refresh_option
def enrich(full_refresh: bool) -> int:
    """Bring the enriched tables up to the raw ones."""
    with watched_run("enrich", needs_tables=True) as (pipelines, _, record):
        say_enriched(enrich_step(pipelines, full_refresh, record))
        say_seconds(record)
    return record.exit_code
