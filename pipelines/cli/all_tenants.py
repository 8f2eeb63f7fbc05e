"""What a command does for the readers of all tenants, once it has written the tables of each."""

from collections.abc import Mapping, Sequence
from typing import Any

import click
import dlt

from pipelines.common.all_tenants import COPY_KEY, views_dataset
from pipelines.common.exit_codes import DONE, worst_of
from pipelines.common.files import private_files
from pipelines.common.tenants import chosen_tenant, former_tenants, has_run, tenant_names
from pipelines.common.wording import counted

from .command_group import report_error
from .run_output import warn
from .tenant_options import TENANT, EveryTenantCommand


class LoadingCommand(EveryTenantCommand):
    """A command that loads: for a tenant with a new name, it would begin with empty tables."""

    def work(self, context: click.Context) -> Any:
        """Warn if a tenant may have been renamed, then run the command."""
        name = context.meta.get(TENANT) or chosen_tenant()
        former = former_tenants() if name in tenant_names() and not has_run(str(name)) else []
        if former:
            warn(
                f"tenant `{name}` is new here, and no longer configured: {', '.join(former)}. If you renamed it, give "
                "it the `dataset_name`s that it had, or its history begins again. See docs/operations.md."
            )
        return super().work(context)


class WritingCommand(EveryTenantCommand):
    """A command that writes the enriched tables of a tenant, and with `--all-tenants` also what covers all of them."""

    def after_all(self, names: Sequence[str]) -> int:
        """Bring up to date what readers get of all tenants."""
        dataset, copy = views_dataset(), str(dlt.config.get(COPY_KEY) or "")
        if dataset or copy:
            click.echo("== all tenants ==")
        return worst_of(
            [
                _reported(_update_views, names, dataset) if dataset else DONE,
                _reported(_write_copy, names) if copy else DONE,
            ]
        )


class RunCommand(WritingCommand, LoadingCommand):
    """A command that loads and writes the enriched tables."""


class StatusCommand(EveryTenantCommand):
    """A command that shows the state of each tenant."""

    def after_all(self, names: Sequence[str]) -> int:
        """Say which tenants it does not show, because they are no longer configured. Their tables stay."""
        for name in former_tenants():
            warn(f"tenant `{name}` is no longer configured. Its tables stay as they are. See docs/operations.md.")
        return DONE


def _reported(step: Any, *arguments: Any) -> int:
    try:
        with private_files():
            step(*arguments)
    except Exception as error:
        return report_error(error, "audit")
    return DONE


def _update_views(names: Sequence[str], dataset: str) -> None:
    from pipelines.publish.tenant_views import update_views

    views = update_views(names, dataset)
    click.echo(f"views     {views.line()}")
    _say_left_out(views.left_out, f"the views in `{dataset}`")


def _write_copy(names: Sequence[str]) -> None:
    from pipelines.publish.target import path_of
    from pipelines.publish.tenant_copy import write_copy

    path = path_of(COPY_KEY)
    assert path is not None
    copy = write_copy(names, path)
    click.echo(f"published {copy.published.line()}, of {counted(len(copy.tenants), 'tenant')}")
    _say_left_out(copy.left_out, f"the copy {path}")


def _say_left_out(left_out: Mapping[str, str], where: str) -> None:
    for name, reason in left_out.items():
        warn(f"tenant `{name}` has no part in {where}: {reason}.")
