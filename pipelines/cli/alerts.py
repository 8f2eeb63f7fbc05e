"""The command `alerts`."""

import click

from pipelines.common.exit_codes import CONFIGURATION, DONE, FAILED, PipelineError

from .tenant_options import EveryTenantCommand


@click.command("alerts", cls=EveryTenantCommand)
@click.argument("action", type=click.Choice(["test"]))
def alerts_command(action: str) -> int:
    """Send a test message through every configured channel, and show which of them took it."""
    from pipelines.common.configuration import check_settings
    from pipelines.monitoring.alerts.trial_message import send_test

    check_settings()
    results = send_test()
    if not results:
        raise PipelineError(CONFIGURATION, "no channel is configured under [alerts]. See docs/configuration.md.")
    for result in results:
        click.echo(f"{result.channel:<14}{result.outcome}")
    return DONE if all(result.works for result in results) else FAILED
