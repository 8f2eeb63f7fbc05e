"""The command `check-access`."""

import click

from .command_group import debug_option


@click.command("check-access")
@debug_option
def check_access_command() -> int:
    """Sign in, and show what the account can see and what it lacks; changes nothing."""
    from pipelines.cli.account_access import check_access
    from pipelines.common.configuration import check_settings

    check_settings()
    return check_access()
