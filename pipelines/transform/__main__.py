"""python -m pipelines.transform [FOLDER]: write the models as a dbt project. It needs no database."""

import sys
from pathlib import Path

import click

from pipelines.cli.command_group import report_error
from pipelines.common.names import DIALECT

DEFAULT_FOLDER = Path("build") / "dbt"


@click.command
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path), default=DEFAULT_FOLDER)
@click.option("--dialect", default=DIALECT, show_default=True, help="Destination whose SQL the project has.")
def write_dbt_project(folder: Path, dialect: str) -> None:
    """Write the models as a dbt project, by default to build/dbt."""
    from .dbt_project import write_project

    try:
        files = write_project(folder, dialect)
    except Exception as error:
        sys.exit(report_error(error, "dbt"))
    click.echo(f"{len(files)} files: {folder.resolve()}")


if __name__ == "__main__":
    write_dbt_project(prog_name="python -m pipelines.transform")
