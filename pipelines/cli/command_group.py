"""What all commands share: process set-up, `--debug`, exit codes, and errors on one line without secrets."""

import logging
import os
import sys
import traceback
from contextlib import suppress
from typing import Any

import click

from pipelines.common import start_up
from pipelines.common.exit_codes import explain_any
from pipelines.common.files import private_files
from pipelines.common.signals import interruptible, interruption_of, write_interrupted_line

from .streams import go_on_without_reader

DEBUG = f"{__name__}.debug"
STARTED_IN = f"{__name__}.started_in"


class AuditGroup(click.Group):
    """Ends every command with its exit code, and an error with one line. A traceback appears only with --debug."""

    def invoke(self, context: click.Context) -> Any:
        """Run the command, and end the program with its exit code."""
        _open_missing_streams()
        try:
            with interruptible():
                code = super().invoke(context)
        except (click.ClickException, click.exceptions.Exit):
            raise
        except (Exception, KeyboardInterrupt) as error:
            code = report_error(error, "audit", debug=bool(context.meta.get(DEBUG)))
        sys.exit(code)


class AuditCommand(click.Command):
    """A command with `--debug`. It sets up the process when it runs, so that `--help` stays quick.

    Attributes:
        ends_with_reader (bool): Whether the command ends when nobody reads its standard output any more.
    """

    ends_with_reader = False

    def __init__(self, name: str | None, params: list[click.Parameter] | None = None, **options: Any) -> None:
        super().__init__(name, params=[*(params or []), _debug_option()], **options)

    def invoke(self, context: click.Context) -> Any:
        """Prepare the process, then run the command."""
        from audit_source.dlt_internals import EXPECTED
        from pipelines.warehouse.dlt_internals import REPEATED

        if not self.ends_with_reader:
            go_on_without_reader()
        start_up.prepare(WarningLines(), (EXPECTED, REPEATED), debug=bool(context.meta.get(DEBUG)))
        return self.work(context)

    def work(self, context: click.Context) -> Any:
        """Run the command, with files that only its account can read."""
        with private_files():
            return super().invoke(context)


class WarningLines(logging.Handler):
    """Prints the warnings of this program to standard error, as `audit: ...`."""

    def emit(self, record: logging.LogRecord) -> None:
        """Print one warning. Errors while printing are ignored."""
        # A closed standard error must not fail a run. `click.echo` would write past a progress bar, into its line.
        with suppress(Exception):
            sys.stderr.write(f"audit: {record.getMessage()}\n")
            sys.stderr.flush()


def report_error(error: BaseException, program: str, *, debug: bool = False) -> int:
    """Print the error that ended a program as one line, without secrets. Return the exit code."""
    interrupted = interruption_of(error) is not None
    code, line = explain_any(error)
    if debug and not interrupted:
        click.echo(_redacted("".join(traceback.format_exception(error))), err=True)
    if interrupted:
        write_interrupted_line(code)
    else:
        click.echo(f"{program}: {_redacted(line)}", err=True)
    return code


def _open_missing_streams() -> None:
    """Open standard streams on the null device if the process was started without them."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, mode))  # noqa: SIM115


def _debug_option() -> click.Option:
    return click.Option(
        ["--debug"],
        is_flag=True,
        expose_value=False,
        callback=_note_debug,
        help="Log every step. If the command fails, print the traceback.",
    )


def _note_debug(context: click.Context, _: click.Parameter, value: bool) -> None:
    context.meta[DEBUG] = value


def _redacted(line: str) -> str:
    from pipelines.common.redaction import redact

    return redact(line)
