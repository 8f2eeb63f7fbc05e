"""The command `check-access`."""

import click

from .tenant_options import EveryTenantCommand


@click.command("check-access", cls=EveryTenantCommand)
def check_access_command() -> int:
    """Check all settings, sign in, and show what the account can read and what it cannot. Changes nothing."""
    from pipelines.cli.account_access import check_access
    from pipelines.common.configuration import check_settings
    from pipelines.common.network_names import network_file, read_networks
    from pipelines.monitoring.metrics.write import check_targets
    from pipelines.publish.lakehouse.target import lakehouse_target
    from pipelines.warehouse.settings import check_destination_settings

    check_settings()
    click.echo(f"destination {check_destination_settings()}")
    if path := network_file():
        click.echo(f"networks    {len(read_networks()):,} in {path}")
    if lakehouse := lakehouse_target():
        click.echo(f"lakehouse   {lakehouse.url}")
    for target in check_targets():
        click.echo(f"metrics     {target}")
    return check_access()
