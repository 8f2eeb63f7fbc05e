"""The command `report`."""

import click

from pipelines.common.exit_codes import DONE

from .demo_data import show_demo
from .options import wait_option
from .tenant_options import EveryTenantCommand


@click.command(cls=EveryTenantCommand)
@wait_option
def report(wait: float) -> int:
    """Show sign-ins, pages, users, models, findings and failing integrations, most frequent first. Changes nothing."""
    from pipelines.cli.report_tables import print_summary
    from pipelines.common.configuration import check_settings

    check_settings()
    show_demo()
    print_summary(wait)
    return DONE
