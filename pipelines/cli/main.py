"""The command group. It lists all commands, each a module of this package."""

import os

import click

from pipelines.common.exit_codes import HELP
from pipelines.common.version import DISTRIBUTION, own_version

from .acknowledge import acknowledge_command
from .alerts import alerts_command
from .backup import backup_command
from .check import check
from .check_access import check_access_command
from .check_destination import check_destination
from .command_group import STARTED_IN, AuditGroup
from .compact import compact_command
from .copy_to import copy_to_command
from .dashboard import dashboard
from .dictionary import dictionary
from .enrich import enrich
from .export import export_command
from .forward import forward_command
from .init import init
from .load import load
from .login import login
from .metrics import metrics_command
from .model_history import model_history_command
from .purge import purge_command
from .report import report
from .restore import restore_command
from .run import run
from .status import status


def _show_version(context: click.Context, _: click.Parameter, value: bool) -> None:
    if value:
        click.echo(f"{DISTRIBUTION} {own_version()}")
        context.exit()


def _enter_project(context: click.Context, _: click.Parameter, folder: str | None) -> None:
    """Make a folder the working folder, before dlt reads its settings there."""
    if folder:
        context.meta[STARTED_IN] = os.getcwd()
        os.chdir(folder)


@click.group(cls=AuditGroup, epilog=HELP, context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--version", is_flag=True, expose_value=False, is_eager=True, callback=_show_version, help="Show the version."
)
@click.option(
    "--project",
    metavar="DIR",
    type=click.Path(exists=True, file_okay=False),
    is_eager=True,
    expose_value=False,
    callback=_enter_project,
    help="Folder to work in, which holds `.dlt`; other paths are relative to it.",
)
def cli() -> None:
    """Keep an Anaplan tenant's audit log: load it, enrich it with SQL, and check the result."""


for _command in (
    run,
    load,
    model_history_command,
    enrich,
    check,
    report,
    status,
    login,
    check_access_command,
    check_destination,
    export_command,
    forward_command,
    purge_command,
    backup_command,
    restore_command,
    compact_command,
    copy_to_command,
    acknowledge_command,
    alerts_command,
    metrics_command,
    init,
    dashboard,
    dictionary,
):
    cli.add_command(_command)
