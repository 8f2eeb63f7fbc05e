"""The command `export`: what it says, and how it ends."""

import os
import sys
from typing import Any

import click

from pipelines.common.exit_codes import DONE

from .command_group import debug_option
from .options import DAY, check_span, wait_option


def export_table(table: str, file_format: str | None, to: str | None, force: bool, filters: Any, wait: float) -> int:
    """Exports a table and says so on standard error, which leaves standard output to the rows."""
    from pipelines.export.filters import Filters
    from pipelines.export.writer import FORMATS, export

    suffix = os.path.splitext(to or "")[1].lstrip(".")
    chosen = file_format or (suffix if suffix in FORMATS else "csv")
    try:
        rows = export(table, chosen, to, force, Filters(**filters), wait)
    except BrokenPipeError:
        # Whoever reads has seen enough (`| head`). Python would complain once more when it flushes at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return DONE
    click.echo(f"exported  {rows:,} rows of {table} to {to or 'standard output'}", err=True)
    return DONE


@click.command("export")
@debug_option
@click.argument("table")
@click.option(
    "--format", "file_format", type=click.Choice(["csv", "jsonl", "parquet"]), help="Default: as FILE, or csv."
)
@click.option(
    "--to", metavar="FILE", type=click.Path(dir_okay=False), help="File to write; standard output by default."
)
@click.option("--force", is_flag=True, help="Replace a file that exists.")
@click.option("--since", type=DAY, help="Rows from this UTC date on.")
@click.option("--until", type=DAY, help="Rows before this UTC date.")
@click.option("--user", help="Rows of the user with this id, name or e-mail address.")
@click.option("--workspace", help="Rows of the workspace with this id or name.")
@click.option("--model", help="Rows of the model with this id or name.")
@click.option("--where", multiple=True, metavar="COLUMN=VALUE", help="Rows with exactly this value; may be repeated.")
@wait_option
def export_command(
    table: str, file_format: str | None, to: str | None, force: bool, wait: float, **filters: Any
) -> int:
    """Write the rows of a raw or enriched TABLE as CSV, JSON lines or Parquet; changes nothing."""
    from pipelines.common.configuration import check_settings

    check_span(filters["since"], filters["until"])
    check_settings()
    return export_table(table, file_format, to, force, filters, wait)
