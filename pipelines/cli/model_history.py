"""The command `model-history`."""

import click

from pipelines.run.steps import history_step
from pipelines.run.summary import ending_of

from .recorded_run import recorded_run
from .run_output import print_history, print_seconds
from .tenant_options import EveryTenantCommand


@click.command("model-history", cls=EveryTenantCommand)
@click.option("--dry-run", is_flag=True, help="List the models that have a history export. Export and load nothing.")
def model_history_command(dry_run: bool) -> int:
    """Load what changed inside models, from their history exports."""
    if dry_run:
        from pipelines.cli.history_exports import list_history_exports
        from pipelines.common.configuration import check_settings

        check_settings()
        return list_history_exports()
    with recorded_run("model-history") as run:
        print_history(history_step(run))
        print_seconds(run.record)
        run.record.set_outcome(*ending_of(run.record))
    return run.record.exit_code
