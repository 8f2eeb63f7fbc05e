"""The command `export`: what it says, and how it ends."""

import os
import sys
from typing import Any

import click

from pipelines.common.exit_codes import DONE


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
