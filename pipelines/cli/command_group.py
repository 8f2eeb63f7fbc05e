"""How every command ends: with its exit code, an error in one line, and no secret in it."""

import logging
import os
import sys
import traceback
from typing import Any

import click

from pipelines.common.exit_codes import explain_any
from pipelines.common.files import private_files
from pipelines.common.signals import interruptible, interruption_of, say_interrupted

DEBUG = "pipelines.audit.debug"


class AuditGroup(click.Group):
    """Ends every command with its exit code, and an error with one line; a traceback only with --debug."""

    def invoke(self, context: click.Context) -> Any:
        _open_closed_streams()
        try:
            with interruptible(), private_files():
                code = super().invoke(context)
        except (click.ClickException, click.exceptions.Exit):
            raise
        except (Exception, KeyboardInterrupt) as error:
            code = report_error(error, "audit", debug=bool(context.meta.get(DEBUG)))
        sys.exit(code)


def report_error(error: BaseException, program: str, *, debug: bool = False) -> int:
    """Write what ended a program as one line to standard error, without secrets; return its exit code."""
    interrupted = interruption_of(error) is not None
    code, line = explain_any(error)
    if debug and not interrupted:
        click.echo(_redacted("".join(traceback.format_exception(error))), err=True)
    if interrupted:
        say_interrupted(code)
    else:
        click.echo(f"{program}: {_redacted(line)}", err=True)
    return code


def _open_closed_streams() -> None:
    """Give a process that was started without standard streams something to write to."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, mode))  # noqa: SIM115


def _switch_debug(context: click.Context, _: click.Parameter, value: bool) -> None:
    context.meta[DEBUG] = value
    # dlt logs what a driver says, and that may quote what the driver was given.
    logging.getLogger("dlt").addFilter(_without_secrets)
    if value:
        os.environ["RUNTIME__LOG_LEVEL"] = "INFO"
        # Where dlt has begun to log already, it has read the setting before.
        logging.getLogger("dlt").setLevel(logging.INFO)
        logging.getLogger("dlt").removeFilter(_without_traceback)
    else:
        logging.getLogger("dlt").addFilter(_without_traceback)


def _without_secrets(record: logging.LogRecord) -> bool:
    record.msg, record.args = _redacted(record.getMessage()), ()
    if record.exc_info:
        # Where it is set, handlers take it for the traceback.
        record.exc_text = _redacted("".join(traceback.format_exception(*record.exc_info)))
    return True


def _without_traceback(record: logging.LogRecord) -> bool:
    """What failed is told by the last line; dlt logs its traceback besides, twice."""
    return "Traceback (most recent call last)" not in record.getMessage()


debug_option = click.option(
    "--debug",
    is_flag=True,
    expose_value=False,
    callback=_switch_debug,
    help="Log every step, and show the traceback of an error.",
)


def _redacted(line: str) -> str:
    from pipelines.common.redaction import redact

    return redact(line)
