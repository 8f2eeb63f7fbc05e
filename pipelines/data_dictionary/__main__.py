"""python -m pipelines.data_dictionary [FILE]: write the data dictionary. It needs no database."""

import sys
from pathlib import Path

import click

from pipelines.cli.command_group import report_error

DEFAULT_FILE = Path("build") / "dictionary.html"


@click.command
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path), default=DEFAULT_FILE)
def write_dictionary(file: Path) -> None:
    """Write the data dictionary as one page, by default build/dictionary.html; as Markdown if FILE ends in .md."""
    from .markdown import markdown
    from .page import page
    from .tables import documented_tables

    try:
        # First, because it fails at once if it fails; the tables take seconds.
        file.parent.mkdir(parents=True, exist_ok=True)
        tables = documented_tables()
        write = markdown if file.suffix == ".md" else page
        file.write_text(write(tables), encoding="utf-8")
    except Exception as error:
        sys.exit(report_error(error, "dictionary"))
    click.echo(
        f"{len(tables)} tables, {sum(len(table.columns) for table in tables)} columns: {file.resolve().as_uri()}"
    )


if __name__ == "__main__":
    write_dictionary(prog_name="python -m pipelines.data_dictionary")
