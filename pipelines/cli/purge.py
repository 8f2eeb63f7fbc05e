"""The command `purge`."""

from datetime import datetime

import click

from pipelines.common.exit_codes import DONE
from pipelines.run.steps import check_step, publish_step, publish_target
from pipelines.run.summary import ending_of

from .recorded_run import recorded_run
from .run_output import print_checked, print_published
from .tenant_options import TenantCommand


@click.command("purge", cls=TenantCommand)
@click.option("--before", type=click.DateTime(["%Y-%m-%d"]), required=True, help="First UTC day to keep.")
@click.option("--yes", is_flag=True, help="Do not ask for confirmation.")
def purge_command(before: datetime, yes: bool) -> int:
    """Remove rows of days before a date, and users who left before it, permanently.

    A DuckDB file is rewritten without them, and older published copies are deleted. Backups, exports and the time
    travel of a warehouse keep the rows: remove them there yourself.
    """
    from pipelines.cli.purge_dialogue import clear_remains, confirm_purge, remove
    from pipelines.common.configuration import check_settings

    check_settings()
    request = confirm_purge(before.date(), yes)
    if request is None:
        return DONE
    with recorded_run("purge") as run:
        copy = publish_target()
        remove(run.pipelines, request)
        print_checked(check_step(run))
        print_published(publish_step(run, copy))
        run.record.set_outcome(*ending_of(run.record))
    clear_remains(copy)
    return run.record.exit_code
