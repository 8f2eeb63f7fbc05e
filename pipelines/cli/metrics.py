"""The command `metrics`."""

import click

from pipelines.common.exit_codes import CONFIGURATION, DONE, PipelineError, worst_of

from .options import wait_option
from .run_output import warn
from .tenant_options import EveryTenantCommand


@click.command("metrics", cls=EveryTenantCommand)
@wait_option
def metrics_command(wait: float) -> int:
    """Write metrics for monitoring to the targets under [metrics], as each run does at its end."""
    from pipelines.common.configuration import check_settings
    from pipelines.monitoring.metrics.measures import read_measures
    from pipelines.monitoring.metrics.write import check_targets, write_metrics
    from pipelines.warehouse.reader import no_tables, open_reader

    check_settings()
    if not check_targets():
        raise PipelineError(CONFIGURATION, "no target is configured under [metrics]. See docs/configuration.md.")
    with open_reader(wait) as reader:
        if reader is None:
            raise no_tables()
        measures = read_measures(reader)
    codes = []
    for written in write_metrics(measures):
        if written.failure:
            warn(f"{written.target}: {written.failure}")
        else:
            click.echo(f"metrics   {sum(len(one.samples) for one in measures)} values to {written.target}")
        codes.append(written.failure.code if written.failure else DONE)
    return worst_of(codes)
