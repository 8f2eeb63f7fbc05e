"""The command `check-destination`."""

import tempfile
from typing import TYPE_CHECKING

import click

from pipelines.common.exit_codes import DONE

from .tenant_options import TenantCommand

if TYPE_CHECKING:
    from pipelines.run.trial import Step, Trial


@click.command("check-destination", cls=TenantCommand)
def check_destination() -> int:
    """Try the destination with ten made-up events: create, load, enrich, check, read, delete, remove.

    It uses two datasets of its own, needs no tenant, and takes a minute or a few. If a step fails,
    it shows the error of the destination, usually a missing right.
    """
    from pipelines.common.configuration import check_settings
    from pipelines.common.start_up import work_in_trial_datasets
    from pipelines.run.trial import try_destination

    check_settings()
    with tempfile.TemporaryDirectory(prefix="anaplan_audit_trial_") as folder:
        work_in_trial_datasets(folder)
        click.echo(f"{'step':<18} {'seconds':>7} {'statements':>10}  result")
        trial = try_destination(_show)
    click.echo(_verdict(trial))
    return DONE


def _show(step: "Step") -> None:
    click.echo(f"{step.name:<18} {step.seconds:>7.1f} {step.statements:>10,}  {step.result}")


def _verdict(trial: "Trial") -> str:
    statements = sum(step.statements for step in trial.hourly)
    seconds = sum(step.seconds for step in trial.hourly)
    return (
        f"\nThe destination works. A statement takes at least {trial.statement_seconds * 1000:.0f} ms here.\n"
        f"An hourly run with new events sends about {statements:,} statements, and took {seconds:.0f} s with this "
        "handful of rows."
    )
