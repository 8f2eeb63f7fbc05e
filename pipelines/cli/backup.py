"""The command `backup`."""

import click

from pipelines.common.exit_codes import DONE

from .options import wait_option
from .tenant_options import TenantCommand


@click.command("backup", cls=TenantCommand)
@click.argument("target", type=click.Path())
@click.option("--force", is_flag=True, help="Replace an existing backup.")
@wait_option
def backup_command(target: str, force: bool, wait: float) -> int:
    """Copy the database to TARGET, and verify the copy: a name that ends in `.duckdb`, or a folder.

    A `.duckdb` file is a copy of the DuckDB file. A folder gets the raw tables as Parquet files by
    month, from any destination.
    """
    from pipelines.backup.archive import write_archive
    from pipelines.backup.database_file import backup_file
    from pipelines.common.configuration import check_settings
    from pipelines.publish.target import is_database

    check_settings()
    copied = backup_file(target, force) if is_database(target) else write_archive(target, force, wait)
    click.echo(f"backed up {copied.rows:,} rows of {copied.tables} tables, {copied.size / 1e6:,.1f} MB, verified")
    click.echo(f"to        {target}")
    return DONE
