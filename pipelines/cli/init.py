"""The command `init`."""

import os
import shutil
import sys
from pathlib import Path

import click

from audit_source.settings import REGIONS
from pipelines.common.exit_codes import CONFIGURATION, DONE, PipelineError
from pipelines.warehouse.kinds import DEFAULT_KIND, KINDS

from .command_group import AuditCommand
from .init_texts import NO_SIGN_IN, SIGN_INS, config_text, next_steps, secrets_text

FOLDER = Path(".dlt")
TEMPLATES = ("config.toml.example", "secrets.toml.example")
# The build puts the templates of the checkout's `.dlt` here.
INSTALLED = Path(__file__).with_name("settings")
CHECKOUT = Path(__file__).parents[2] / ".dlt"


@click.command("init", cls=AuditCommand)
@click.option(
    "--region",
    type=click.Choice(REGIONS),
    metavar="REGION",
    help=f"Anaplan region of the tenant, one of {', '.join(REGIONS)}; default us1.",
)
@click.option("--sign-in", type=click.Choice(SIGN_INS), help="How the account signs in; default none.")
@click.option(
    "--destination",
    type=click.Choice(KINDS),
    metavar="NAME",
    help=f"Where the data is kept, one of {', '.join(KINDS)}; default {DEFAULT_KIND}.",
)
@click.option("--non-interactive", is_flag=True, help="Ask nothing: use the defaults of options that are not given.")
def init(region: str | None, sign_in: str | None, destination: str | None, non_interactive: bool) -> int:
    """Write your settings into the folder `.dlt`; keeps files that exist. Asks what no option gives."""
    if FOLDER.exists() and not FOLDER.is_dir():
        raise PipelineError(CONFIGURATION, f"`{FOLDER}` is not a folder. Move it, or run this in another folder.")
    asks = not non_interactive and sys.stdin.isatty() and not (FOLDER / "config.toml").exists()
    region = region or _choice("Region of the tenant (the start of its addresses)", REGIONS, "us1", asks)
    sign_in = sign_in or _choice("Sign-in", SIGN_INS, "password" if asks else NO_SIGN_IN, asks)
    destination = destination or _choice("Destination", KINDS, DEFAULT_KIND, asks)
    FOLDER.mkdir(exist_ok=True)
    _write_new("config.toml", config_text(region, destination), 0o644)
    if sign_in != NO_SIGN_IN:
        _write_new("secrets.toml", secrets_text(sign_in), 0o600)
    for name in TEMPLATES:
        _copy_new(name)
    click.echo(next_steps(sign_in, None if destination == DEFAULT_KIND else destination))
    return DONE


def _choice(title: str, choices: tuple[str, ...], default: str, asks: bool) -> str:
    if not asks:
        return default
    click.echo(f"{title}:\n  {' '.join(choices)}")
    chosen: str = click.prompt(">", type=click.Choice(choices), default=default, show_choices=False, prompt_suffix=" ")
    return chosen


def _write_new(name: str, text: str, mode: int) -> None:
    path = FOLDER / name
    try:
        # The mode from the start: nobody else can open the file between its creation and a later change.
        number = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    except FileExistsError:
        click.echo(f"Kept {path}")
        return
    with open(number, "w", encoding="utf-8") as file:
        file.write(text)
    click.echo(f"Wrote {path}")


def _copy_new(name: str) -> None:
    source = (INSTALLED if INSTALLED.exists() else CHECKOUT) / name
    try:
        with source.open("rb") as original, (FOLDER / name).open("xb") as target:
            shutil.copyfileobj(original, target)
    except FileExistsError:
        click.echo(f"Kept {FOLDER / name}")
    else:
        click.echo(f"Wrote {FOLDER / name}")
