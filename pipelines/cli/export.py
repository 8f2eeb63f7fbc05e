"""The command `export`."""

import os
import sys
from typing import Any

import click

from pipelines.common.exit_codes import DONE

from .options import DAY, check_span, wait_option
from .tenant_options import ALL, EveryTenantCommand

# Stands in FILE for the name of the tenant.
PLACE = "{tenant}"


def export_table(table: str, file_format: str | None, to: str | None, force: bool, filters: Any, wait: float) -> int:
    """Export a table, and report it on standard error, because standard output may carry the rows."""
    from pipelines.export.filters import Filters
    from pipelines.export.writer import FORMATS, export

    chosen = file_format or _format_of(to, FORMATS)
    try:
        rows = export(table, chosen, to, force, Filters(**filters), wait)
    except BrokenPipeError:
        # The reader has closed the pipe (`| head`). Without this, Python reports the broken pipe again at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return DONE
    click.echo(f"exported  {rows:,} rows of {table} to {to or 'standard output'}", err=True)
    if not rows and any(filters.values()):
        click.echo(f"audit: no row of {table} matches the filters. Check names and dates.", err=True)
    return DONE


def _format_of(to: str | None, formats: tuple[str, ...]) -> str:
    """Return the format that the suffix of a file names, or CSV for a name without one."""
    suffix = os.path.splitext(to or "")[1].lstrip(".").lower()
    if suffix in formats or not suffix:
        return suffix or "csv"
    raise click.UsageError(f"--to {to}: `.{suffix}` is no format of this command. Give --format, or use .csv.")


def _file_of(to: str | None) -> str | None:
    """Return the file to write, with the name of the tenant."""
    from pipelines.common.tenants import chosen_tenant

    if to is None or PLACE not in to:
        return to
    tenant = chosen_tenant()
    if tenant is None:
        raise click.UsageError(f"--to {to}: no tenants are configured, so `{PLACE}` has no name. Leave it out.")
    return to.replace(PLACE, tenant)


class ExportCommand(EveryTenantCommand):
    """Ends with its reader: nobody wants the rest of the rows."""

    ends_with_reader = True
    reports_to_stderr = True

    def check_for_all(self, context: click.Context) -> None:
        """Refuse one file for all tenants."""
        if PLACE not in (context.params["to"] or ""):
            raise click.UsageError(f"{ALL} needs a file for each tenant. Add `--to NAME_{PLACE}.csv`.")


@click.command("export", cls=ExportCommand)
@click.argument("table")
@click.option(
    "--format",
    "file_format",
    type=click.Choice(["csv", "jsonl", "parquet", "xlsx", "ocsf", "ecs", "cef"]),
    help="Format; by default the suffix of FILE, or csv. The last three are for a SIEM: events of fct_events.",
)
@click.option(
    "--to",
    metavar="FILE",
    type=click.Path(dir_okay=False),
    help=f"File to write, standard output by default; `{PLACE}` in it becomes the tenant's name.",
)
@click.option("--force", is_flag=True, help="Replace an existing file.")
@click.option("--since", type=DAY, help="Only rows from this UTC date on.")
@click.option("--until", type=DAY, help="Only rows before this UTC date.")
@click.option("--user", help="Only rows of the user with this id, name or e-mail address.")
@click.option("--workspace", help="Only rows of the workspace with this id or name.")
@click.option("--model", help="Only rows of the model with this id or name.")
@click.option("--where", multiple=True, metavar="COLUMN=VALUE", help="Only rows with this value. May be repeated.")
@wait_option
def export_command(
    table: str, file_format: str | None, to: str | None, force: bool, wait: float, **filters: Any
) -> int:
    """Write the rows of a raw or enriched TABLE as CSV, JSON lines, Parquet or Excel, or events for a SIEM."""
    from pipelines.common.configuration import check_settings

    check_span(filters["since"], filters["until"])
    check_settings()
    return export_table(table, file_format, _file_of(to), force, filters, wait)
