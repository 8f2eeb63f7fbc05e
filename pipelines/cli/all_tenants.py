"""What a command does for the readers of all tenants, once it has written the tables of each."""

from collections.abc import Sequence
from typing import Any

import click

from pipelines.common.all_tenants import views_dataset
from pipelines.common.exit_codes import DONE, worst_of

from .command_group import report_error
from .run_output import warn
from .tenant_options import EveryTenantCommand


class WritingCommand(EveryTenantCommand):
    """A command that writes the enriched tables of a tenant, and with `--all-tenants` also what covers all of them."""

    def after_all(self, names: Sequence[str]) -> int:
        """Bring up to date what readers get of all tenants."""
        return worst_of([_reported(_update_views, names)])


def _reported(step: Any, names: Sequence[str]) -> int:
    try:
        step(names)
    except Exception as error:
        return report_error(error, "audit")
    return DONE


def _update_views(names: Sequence[str]) -> None:
    from pipelines.publish.tenant_views import update_views

    dataset = views_dataset()
    if dataset is None:
        return
    click.echo("== all tenants ==")
    views = update_views(names, dataset)
    click.echo(f"views     {views.line()}")
    for name, reason in views.left_out.items():
        warn(f"tenant `{name}` is not in `{dataset}`: {reason}.")
