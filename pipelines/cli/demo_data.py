"""The database of `make demo`, for readers who have no other yet."""

import os
from pathlib import Path

import click

DEMO_DATABASE = Path(".demo") / "audit_log.duckdb"


def use_demo() -> bool:
    """Use the demo's database if there is no other database and no copy; return whether it is used."""
    from pipelines.publish.reader import published_path
    from pipelines.warehouse.engine import engine

    variable = engine().file_variable()
    if variable is None or not DEMO_DATABASE.exists():
        return False
    if engine().exists() or published_path():
        return False
    os.environ[variable] = str(DEMO_DATABASE)
    return True


def show_demo() -> None:
    """Use the demo's database if there is no other, and say so."""
    if use_demo():
        click.echo(f"The demo's data, {DEMO_DATABASE}: your own database does not exist yet.")
