"""The command `forward`."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import TYPE_CHECKING

import click

from pipelines.common.exit_codes import DONE
from pipelines.common.wording import counted
from pipelines.run.steps import forward_step
from pipelines.run.summary import ending_of

from .options import wait_option
from .recorded_run import recorded_run
from .run_output import print_forwarded, print_seconds
from .tenant_options import EveryTenantCommand

if TYPE_CHECKING:
    from pipelines.common.forwarding import TargetSettings


def _show(targets: "Sequence[TargetSettings]", since: date | None, wait: float) -> int:
    from pipelines.export.forward.preview import preview

    for one in preview(targets, since, wait):
        span = f" of {counted(one.days, 'day')}, {one.first} to {one.last}" if one.days else ""
        click.echo(f"would forward {counted(one.events, 'event')} to {one.target}{span}")
    return DONE


@click.command("forward", cls=EveryTenantCommand)
@click.argument("names", metavar="[TARGET]...", nargs=-1)
@click.option(
    "--since",
    type=click.DateTime(["%Y-%m-%d"]),
    help="First UTC date whose events a target gets. It is kept: later calls need no --since.",
)
@click.option("--dry-run", is_flag=True, help="Show how many events would be sent. Send and write nothing.")
@wait_option
def forward_command(names: tuple[str, ...], since: datetime | None, dry_run: bool, wait: float) -> int:
    """Send new events to a SIEM: to the targets under [forward], or only to some of them."""
    from pipelines.common.configuration import check_settings, forward_targets

    first = since.date() if since else None
    check_settings()
    targets = forward_targets(names)
    if dry_run:
        return _show(targets, first, wait)
    with recorded_run("forward", needs_tables=True) as run:
        print_forwarded(forward_step(run, targets, first))
        print_seconds(run.record)
        run.record.set_outcome(*ending_of(run.record))
    return run.record.exit_code
