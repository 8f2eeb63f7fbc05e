"""The command `login`."""

import click

from pipelines.common.exit_codes import DONE

from .tenant_options import TenantCommand


@click.command(cls=TenantCommand)
def login() -> int:
    """Sign in with an OAuth device code, and store the token for future runs."""
    from pipelines.cli.device_login import login as sign_in
    from pipelines.common.configuration import check_settings

    check_settings()
    sign_in()
    return DONE
