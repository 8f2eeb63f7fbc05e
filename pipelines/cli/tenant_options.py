"""The options `--tenant` and `--all-tenants` of commands that work for one tenant at a time."""

import subprocess
import sys
from collections.abc import Sequence
from typing import Any

import click

from pipelines.common.exit_codes import DONE, worst_of
from pipelines.common.start_up import work_for_tenant
from pipelines.common.tenants import tenant_names

from .command_group import STARTED_IN, AuditCommand

ALL = "--all-tenants"
TENANT, _EVERY = f"{__name__}.tenant", f"{__name__}.all_tenants"


class TenantCommand(AuditCommand):
    """A command with `--tenant`. It uses the settings of that tenant."""

    def __init__(self, name: str | None, params: list[click.Parameter] | None = None, **options: Any) -> None:
        super().__init__(name, params=[*(params or []), tenant_option()], **options)

    def work(self, context: click.Context) -> Any:
        """Run the command with the settings of its tenant."""
        work_for_tenant(context.meta.get(TENANT))
        return super().work(context)


class EveryTenantCommand(TenantCommand):
    """A command with `--tenant` and `--all-tenants`.

    Attributes:
        reports_to_stderr (bool): Whether standard output is left to what others read.
    """

    reports_to_stderr = False

    def __init__(self, name: str | None, params: list[click.Parameter] | None = None, **options: Any) -> None:
        super().__init__(name, params=[*(params or []), _all_option()], **options)

    def work(self, context: click.Context) -> Any:
        """Run the command for its tenant, or for one tenant after the other."""
        if not context.meta.get(_EVERY):
            return super().work(context)
        if context.meta.get(TENANT):
            raise click.UsageError(f"--tenant and {ALL} exclude each other. Leave one out.")
        self.check_for_all(context)
        to_stderr = self.reports_to_stderr or "--json" in sys.orig_argv
        names = tenant_names()
        code = run_for_all(names, context.meta.get(STARTED_IN), to_stderr=to_stderr)
        return worst_of([code, self.after_all(names)])

    def after_all(self, names: Sequence[str]) -> int:
        """Do what is left once the command has ended for every tenant. Return an exit code."""
        return DONE

    def check_for_all(self, context: click.Context) -> None:
        """Refuse options that cannot be the same for each tenant."""


def run_for_all(names: Sequence[str], started_in: str | None = None, *, to_stderr: bool = False) -> int:
    """Run this command line once for each tenant, each in a process of its own. Return the worst exit code.

    A tenant that fails stops no other. A signal ends the current one and the command.

    Args:
        names (Sequence[str]): The tenants.
        started_in (str): Folder of the command line, if `--project` left it.
        to_stderr (bool): Whether the names are shown on standard error.
    """
    if not names:
        raise click.UsageError(f"{ALL}: no tenants are configured. Add sections `[tenants.NAME]`, or leave it out.")
    codes = []
    for name in names:
        click.echo(f"== {name} ==", err=to_stderr)
        sys.stdout.flush()
        codes.append(_run_for(name, started_in))
    if any(codes):
        # On standard error, where the errors of the tenants do not name them.
        ended = ", ".join(f"{name} {code}" for name, code in zip(names, codes, strict=True))
        click.echo(f"audit: exit codes of the tenants: {ended}.", err=True)
    return worst_of(codes)


def _run_for(name: str, started_in: str | None) -> int:
    own = [sys.executable, *sys.orig_argv[1:]]
    process = subprocess.Popen([*(word for word in own if word != ALL), "--tenant", name], cwd=started_in)
    try:
        return process.wait()
    except KeyboardInterrupt:
        process.terminate()
        process.wait()
        raise


def tenant_option() -> click.Option:
    """Return the option `--tenant`."""
    return click.Option(
        ["--tenant"],
        metavar="NAME",
        expose_value=False,
        callback=_note(TENANT),
        help="Tenant to work for: a section `[tenants.NAME]` of the settings.",
    )


def _all_option() -> click.Option:
    return click.Option(
        [ALL],
        is_flag=True,
        expose_value=False,
        callback=_note(_EVERY),
        help="Do it for each configured tenant; the worst exit code counts.",
    )


def _note(key: str) -> Any:
    def note(context: click.Context, _: click.Parameter, value: Any) -> None:
        context.meta[key] = value

    return note
