"""The command `acknowledge`."""

import click

from pipelines.common.exit_codes import DONE

from .demo_data import show_demo
from .recorded_run import opened_pipelines
from .tenant_options import TenantCommand


@click.command("acknowledge", cls=TenantCommand)
@click.argument("what", nargs=-1, required=True, metavar="gaps | incomplete | findings | RULE | FINDING_ID ...")
@click.option("--note", help="Reason for closing them; stored in the table `alerts`.")
def acknowledge_command(what: tuple[str, ...], note: str | None) -> int:
    """Close gaps, incomplete windows or findings that you have seen. `status` no longer counts them."""
    from contextlib import ExitStack

    from pipelines.monitoring.acknowledge import acknowledge
    from pipelines.warehouse.reader import Reader

    show_demo()
    with opened_pipelines(needs_tables=True) as pipelines, ExitStack() as stack:
        closed = acknowledge(pipelines, Reader(pipelines.raw.destination, stack), what, note)
        click.echo(f"acknowledged {closed:,} that were open")
    return DONE
