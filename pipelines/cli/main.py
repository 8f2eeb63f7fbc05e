"""The command group. It lists all commands, each a module of this package."""

import click

from pipelines.common.exit_codes import HELP

from .acknowledge import acknowledge_command
from .check import check
from .check_access import check_access_command
from .command_group import AuditGroup
from .enrich import enrich
from .export import export_command
from .load import load
from .login import login
from .purge import purge_command
from .report import report
from .run import run
from .status import status


@click.group(cls=AuditGroup, epilog=HELP, context_settings={"help_option_names": ["-h", "--help"]})
def cli() -> None:
    """Keep an Anaplan tenant's audit log: load it, enrich it with SQL, and check the result."""


for _command in (
    run,
    load,
    enrich,
    check,
    report,
    status,
    login,
    check_access_command,
    export_command,
    purge_command,
    acknowledge_command,
):
    cli.add_command(_command)
