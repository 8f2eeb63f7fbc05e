"""The command `acknowledge`."""

import click

from pipelines.common.exit_codes import DONE

from .command_group import debug_option
from .recorded_run import existing_pipelines


@click.command("acknowledge")
@debug_option
@click.argument("what", nargs=-1, required=True, metavar="gaps | incomplete | findings | FINDING_ID ...")
@click.option("--note", help="Why it may be closed; kept with it.")
def acknowledge_command(what: tuple[str, ...], note: str | None) -> int:
    """Close gaps, incomplete windows or findings that somebody has seen; `status` then counts them no more."""
    from contextlib import ExitStack

    from pipelines.monitoring.acknowledge import acknowledge
    from pipelines.warehouse.reader import Reader

    with existing_pipelines() as (pipelines, _), ExitStack() as held:
        closed = acknowledge(pipelines, Reader(pipelines.raw.destination, held), what, note)
        click.echo(f"acknowledged {closed:,} that were open")
    return DONE
