"""The command `run`."""

from datetime import datetime

import click

from pipelines.run.steps import (
    check_step,
    enrich_step,
    forward_step,
    history_step,
    is_history_due,
    load_step,
    publish_step,
    publish_targets,
    targets_after_run,
)
from pipelines.run.summary import ending_of

from .all_tenants import RunCommand
from .options import accept_directory_option, check_span, full_refresh_option, span_options
from .recorded_run import recorded_run
from .run_output import (
    print_checked,
    print_enriched,
    print_forwarded,
    print_history,
    print_loaded,
    print_published,
    print_seconds,
)


@click.command(cls=RunCommand)
@span_options
@full_refresh_option
@accept_directory_option
def run(since: datetime | None, until: datetime | None, full_refresh: bool, accept_directory: bool) -> int:
    """Load new data, enrich it, and check the result."""
    check_span(since, until)
    with recorded_run("run") as run:
        copies, targets = publish_targets(), targets_after_run()
        loaded = load_step(run, since, until, accept_directory)
        history = history_step(run) if is_history_due() else None
        enriched = enrich_step(run, full_refresh)
        checked = check_step(run, enriched)
        print_loaded(loaded)
        print_history(history)
        print_enriched(enriched)
        print_checked(checked)
        print_published(publish_step(run, copies))
        print_forwarded(forward_step(run, targets) if targets else None)
        print_seconds(run.record)
        run.record.set_outcome(*ending_of(run.record))
    return run.record.exit_code
