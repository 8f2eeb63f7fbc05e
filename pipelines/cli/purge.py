"""The command `purge`."""

from datetime import date, datetime, timedelta, timezone

import click

from pipelines.common.exit_codes import DONE
from pipelines.run.steps import check_step, publish_step, publish_targets
from pipelines.run.summary import ending_of

from .options import Days
from .recorded_run import recorded_run
from .run_output import print_checked, print_published
from .tenant_options import TenantCommand


@click.command("purge", cls=TenantCommand)
@click.option("--before", type=click.DateTime(["%Y-%m-%d"]), help="First UTC day to keep.")
@click.option(
    "--older-than", type=Days(1, 36_500), metavar="DAYS", help="Keep this many whole UTC days before today: 400d."
)
@click.option("--yes", is_flag=True, help="Do not ask for confirmation.")
def purge_command(before: datetime | None, older_than: int | None, yes: bool) -> int:
    """Remove rows of days before a date, or of days older than some days, and users who left before it, permanently.

    A DuckDB file is rewritten without them, and older published copies are deleted. Backups, exports and the time
    travel of a warehouse keep the rows: remove them there yourself.
    """
    from pipelines.cli.purge_dialogue import clear_remains, confirm_purge, remove
    from pipelines.common.configuration import check_settings

    day = _first_kept(before, older_than)
    check_settings()
    request = confirm_purge(day, yes)
    if request is None:
        return DONE
    with recorded_run("purge") as run:
        copies = publish_targets()
        remove(run.pipelines, request)
        print_checked(check_step(run))
        print_published(publish_step(run, copies, purged=True))
        run.record.set_outcome(*ending_of(run.record))
    clear_remains(copies.path)
    return run.record.exit_code


def _first_kept(before: datetime | None, older_than: int | None) -> date:
    if before is not None and older_than is None:
        return before.date()
    if older_than is not None and before is None:
        return datetime.now(timezone.utc).date() - timedelta(days=older_than)
    raise click.UsageError("Give either --before DATE or --older-than DAYS.")
