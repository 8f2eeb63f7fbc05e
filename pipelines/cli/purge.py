"""The command `purge`."""

from datetime import datetime

import click

from pipelines.common.exit_codes import DONE
from pipelines.run.steps import check_step, publish_step, publish_to
from pipelines.run.summary import note_outcome, say_checked

from .command_group import debug_option
from .recorded_run import watched_run


@click.command("purge")
@debug_option
@click.option("--before", type=click.DateTime(["%Y-%m-%d"]), required=True, help="First UTC day to keep.")
@click.option("--yes", is_flag=True, help="Do not ask.")
def purge_command(before: datetime, yes: bool) -> int:
    """Remove raw and enriched rows of days before a date, permanently.

    A DuckDB file is written anew without them, and older published copies go. Backups, exports and what a warehouse
    keeps for time travel are not reached: remove them yourself.
    """
    from pipelines.cli.purge_dialogue import ask, clear_remains, remove
    from pipelines.common.configuration import check_settings

    check_settings()
    wanted = ask(before, yes)
    if wanted is None:
        return DONE
    with watched_run("purge") as (pipelines, _, record):
        copy = publish_to()
        remove(pipelines, *wanted)
        say_checked(check_step(pipelines, record))
        publish_step(pipelines, copy, record)
        note_outcome(record)
    clear_remains(copy)
    return record.exit_code
