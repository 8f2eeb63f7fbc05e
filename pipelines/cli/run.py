"""The command `run`."""

from datetime import datetime

import click

from pipelines.run.steps import check_step, enrich_step, load_step, publish_step, publish_to
from pipelines.run.summary import note_outcome, say_checked, say_enriched, say_loaded, say_seconds

from .command_group import debug_option
from .options import accept_directory_option, check_span, full_refresh_option, span_options
from .recorded_run import watched_run


@click.command
@debug_option
@span_options
@full_refresh_option
@accept_directory_option
def run(since: datetime | None, until: datetime | None, full_refresh: bool, accept_directory: bool) -> int:
    """Load what is new, enrich it, check the result."""
    check_span(since, until)
    with watched_run("run") as (pipelines, progress, record):
        copy = publish_to()
        loaded = load_step(pipelines, progress, since, until, record, accept_directory)
        enriched = enrich_step(pipelines, full_refresh, record)
        results = check_step(pipelines, record)
        say_loaded(loaded)
        say_enriched(enriched)
        say_checked(results)
        publish_step(pipelines, copy, record)
        say_seconds(record)
        note_outcome(record)
    return record.exit_code
