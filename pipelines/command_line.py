"""How every command ends: with its exit code, an error in one line, and no secret in it."""

import logging
import os
import sys
import traceback
from importlib.abc import MetaPathFinder
from typing import Any

import click

from .exit_codes import explain_any
from .file_mode import private_files
from .interruption import interruptible, interruption_of, say_interrupted

DEBUG = "pipelines.audit.debug"

# Installed for the dashboard or by others. dlt looks for secrets in the first one; pyarrow and dlt import the others
# wherever they find them.
FOR_OTHERS = ("streamlit", "pandas", "numpy")


class _NotHere(MetaPathFinder):
    """Refuses imports as if a package were not installed. None in `sys.modules` would be taken for the package."""

    def find_spec(self, fullname: str, path: Any, target: Any = None) -> None:
        if fullname in FOR_OTHERS:
            raise ModuleNotFoundError(f"No module named {fullname!r}", name=fullname)


_NOT_HERE = _NotHere()


def leave_out_what_is_for_others() -> None:
    """Keep this process from importing what it has no use for: some 40 MB, and time to start."""
    sys.meta_path.insert(0, _NOT_HERE)


def let_in_what_drivers_import() -> None:
    """Allow these imports after all: some warehouses' drivers need pandas."""
    if _NOT_HERE in sys.meta_path:
        sys.meta_path.remove(_NOT_HERE)


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
    from .redaction import redact

    return redact(line)
