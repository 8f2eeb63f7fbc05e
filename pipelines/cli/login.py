"""The command `login`."""

import click

from pipelines.common.exit_codes import DONE

from .command_group import debug_option


@click.command
@debug_option
def login() -> int:
    """Sign in by OAuth device code and keep the token for the runs to come."""
    from pipelines.cli.device_login import login as sign_in
    from pipelines.common.configuration import check_settings

    check_settings()
    sign_in()
    return DONE
