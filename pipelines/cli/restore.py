"""The command `restore`."""

import os

import click

from pipelines.common.exit_codes import DONE
from pipelines.common.names import command_line

from .tenant_options import TenantCommand


@click.command("restore", cls=TenantCommand)
@click.argument("source", type=click.Path(exists=True))
def restore_command(source: str) -> int:
    """Put a backup, a `.duckdb` file or an archive folder, into the configured destination, and verify it.

    A DuckDB file that is there is kept beside it. A server must not hold the raw dataset yet.
    """
    from pipelines.backup.database_file import restore_file
    from pipelines.backup.transfer import restore_archive
    from pipelines.common.configuration import check_settings

    check_settings()
    copied, kept = restore_archive(source) if os.path.isdir(source) else restore_file(source)
    click.echo(f"restored  {copied.rows:,} rows of {copied.tables} tables, verified")
    if kept:
        click.echo(f"kept      the database before it: {kept}")
    click.echo(f"Next: `{command_line('run')}` loads what happened since.")
    return DONE
