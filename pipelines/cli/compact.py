"""The command `compact`."""

import click

from pipelines.common.exit_codes import DONE

from .tenant_options import TenantCommand


@click.command("compact", cls=TenantCommand)
def compact_command() -> int:
    """Rewrite a DuckDB file that grew by rewrites, so that it shrinks. It needs as much free space as the file."""
    from pipelines.backup.database_file import compact_file
    from pipelines.common.configuration import check_settings

    check_settings()
    sizes = compact_file()
    click.echo(f"compacted {sizes.before / 1e6:,.1f} MB to {sizes.after / 1e6:,.1f} MB, all rows verified")
    return DONE
