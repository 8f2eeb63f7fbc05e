"""The command `report`."""

import click

from pipelines.common.exit_codes import DONE

from .options import wait_option
from .tenant_options import EveryTenantCommand


@click.command(cls=EveryTenantCommand)
@wait_option
def report(wait: float) -> int:
    """Show sign-ins, pages, users, models and failing integrations, the most frequent first. Changes nothing."""
    from pipelines.cli.report_tables import print_summary
    from pipelines.common.configuration import check_settings

    check_settings()
    print_summary(wait)
    return DONE
