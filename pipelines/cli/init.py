"""The command `init`."""

import shutil
from pathlib import Path

import click

from pipelines.common.exit_codes import CONFIGURATION, DONE, PipelineError

from .command_group import AuditCommand

FOLDER = Path(".dlt")
FILES = ("config.toml", "secrets.toml.example")
# The build puts the files of the checkout's `.dlt` here.
INSTALLED = Path(__file__).with_name("settings")
CHECKOUT = Path(__file__).parents[2] / ".dlt"


@click.command("init", cls=AuditCommand)
def init() -> int:
    """Write `.dlt/config.toml` and `.dlt/secrets.toml.example` into this folder; keeps files that exist."""
    if FOLDER.exists() and not FOLDER.is_dir():
        raise PipelineError(CONFIGURATION, f"`{FOLDER}` is not a folder. Move it, or run this in another folder.")
    FOLDER.mkdir(exist_ok=True)
    for name in FILES:
        click.echo(f"{'Wrote' if _write_new(name) else 'Kept'} {FOLDER / name}")
    click.echo(
        "Next: copy .dlt/secrets.toml.example to .dlt/secrets.toml and fill in one way to sign in. "
        "Then run `python -m pipelines.audit check-access`."
    )
    return DONE


def _write_new(name: str) -> bool:
    """Write a file of settings unless it exists; return whether it was written."""
    source = (INSTALLED if INSTALLED.exists() else CHECKOUT) / name
    try:
        with source.open("rb") as original, (FOLDER / name).open("xb") as target:
            shutil.copyfileobj(original, target)
    except FileExistsError:
        return False
    return True
