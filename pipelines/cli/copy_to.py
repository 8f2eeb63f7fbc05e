"""The command `copy-to`."""

import click

from pipelines.common.exit_codes import DONE
from pipelines.warehouse.kinds import KINDS

from .options import wait_option
from .tenant_options import TenantCommand


@click.command("copy-to", cls=TenantCommand)
@click.argument("destination", type=click.Choice(KINDS))
@wait_option
def copy_to_command(destination: str, wait: float) -> int:
    """Copy all raw tables to another DESTINATION, with the state of the loads, and compare the rows of every table.

    Its credentials are set as usual, under `[destination.NAME.credentials]`. The data stays where it is, too.
    """
    from pipelines.backup.transfer import copy_to
    from pipelines.common.configuration import check_settings

    check_settings()
    copied = copy_to(destination, wait, lambda table, rows: click.echo(f"  {rows:>14,}  {table}"))
    click.echo(f"copied    {copied.rows:,} rows of {copied.tables} tables to {destination}; all digests are equal")
    click.echo(f'Next: set `destination_type = "{destination}"`, then `enrich --full-refresh` and `run`.')
    return DONE
