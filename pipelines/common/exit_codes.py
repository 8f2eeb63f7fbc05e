"""What a run ends with, for cron and every other scheduler: a code, and one line that says what to do."""

import re
from collections.abc import Iterator
from pathlib import Path

from .signals import interruption_of, line_of
from .source_hints import source_error_line

DONE = 0
FAILED = 1
CONFIGURATION = 2
SIGN_IN = 3
UNREACHABLE = 4
INCOMPLETE = 5
CHECK_FAILED = 6
LOCKED = 75
# 128 + the number of the signal, as shells have it: Ctrl-C and SIGTERM.
INTERRUPTED, TERMINATED = 130, 143
# As `timeout` of the GNU tools has it.
TIMED_OUT = 124

MEANINGS = {
    DONE: "done",
    FAILED: "the destination refused, or something unforeseen",
    CONFIGURATION: "configuration",
    SIGN_IN: "sign-in or role",
    UNREACHABLE: "Anaplan unreachable after retries",
    INCOMPLETE: "loaded, but some window or list is incomplete: the next run takes it up",
    CHECK_FAILED: "a data check failed",
    LOCKED: "another run, or a program that holds the database file, is in the way",
    TIMED_OUT: "ended after `run_timeout`",
    INTERRUPTED: "ended by Ctrl-C",
    TERMINATED: "ended by SIGTERM",
}
HELP = "\b\nExit codes:\n" + "\n".join(f" {code:>3}  {meaning}" for code, meaning in MEANINGS.items())


def meaning_of(code: int) -> str:
    """Returns what an exit code means."""
    return MEANINGS.get(code, "unknown")


class PipelineError(Exception):
    """An error that is said in one line and ends the run with its code."""

    def __init__(self, code: int, line: str) -> None:
        self.code = code
        super().__init__(" ".join(line.split()))


def explain(error: BaseException) -> tuple[int, str]:
    """Returns exit code and line for any error, by what caused it rather than by what wrapped it."""
    for cause in _causes(error):
        found = _known(cause)
        if found is not None:
            return found
    root = list(_causes(error))[-1]
    return FAILED, f"{type(root).__name__}: {_first_line(root)} Run again with --debug for the traceback."


def explain_any(error: BaseException) -> tuple[int, str]:
    """Returns exit code and line also for what ends a command without being its error: a signal, wrong usage."""
    import click

    interrupted = interruption_of(error)
    if interrupted is not None:
        return interrupted, line_of(interrupted)
    if isinstance(error, click.ClickException):
        return error.exit_code, error.format_message()
    return explain(error)


def code_of_source_error(error: Exception) -> int | None:
    """Returns the exit code for an error of the source, None for any other."""
    from audit_source import errors

    for kind, code in (
        (errors.ConfigurationError, CONFIGURATION),
        (errors.SignInError, SIGN_IN),
        (errors.UnreachableError, UNREACHABLE),
        (errors.BadAnswerError, UNREACHABLE),
    ):
        if isinstance(error, kind):
            return code
    return None


def _known(error: BaseException) -> tuple[int, str] | None:
    from dlt.common.configuration.exceptions import ConfigurationException, ConfigValueCannotBeCoercedException
    from dlt.common.configuration.providers.toml import TomlProviderReadException
    from dlt.common.destination.exceptions import DestinationException
    from dlt.common.exceptions import MissingDependencyException
    from dlt.load.exceptions import LoadClientJobException
    from tomlkit.exceptions import TOMLKitError

    if isinstance(error, PipelineError):
        return error.code, str(error)
    if isinstance(error, ModelError):
        return CONFIGURATION, f"model: {_first_line(error)} Nothing was written."
    if isinstance(error, Exception) and (code := code_of_source_error(error)) is not None:
        return code, source_error_line(error)
    if isinstance(error, TomlProviderReadException):
        return CONFIGURATION, _broken_toml(str(error))
    if isinstance(error, TOMLKitError):
        return CONFIGURATION, f"configuration: {_first_line(error)} Mend .dlt/config.toml or .dlt/secrets.toml."
    if isinstance(error, ConfigValueCannotBeCoercedException):
        return CONFIGURATION, _wrong_type(error.field_name, error.field_value, error.hint)
    if isinstance(error, ConfigurationException):
        return CONFIGURATION, f"configuration: {_first_line(error)} See .dlt/config.toml and .dlt/secrets.toml.example."
    if isinstance(error, MissingDependencyException):
        line = f"destination: {_first_line(error)} Install its driver: make driver FOR=<destination_type>."
        return CONFIGURATION, line
    if isinstance(error, LoadClientJobException):
        table = str(error.job_id).partition(".")[0]
        reason = _first_line(error.client_exception or error)
        return FAILED, f"destination: table `{table}`: {reason} Nothing that was loaded before is harmed."
    if isinstance(error, DestinationException):
        return FAILED, f"destination: {_first_line(error)} Nothing that was loaded before is harmed; run again."
    # The name that every database driver of Python gives to a server that is not there, or lets nobody in.
    if any(kind.__name__ == "OperationalError" for kind in type(error).__mro__):
        advice = "Check that the database runs, its address and its credentials, then run again."
        return FAILED, f"destination: {_first_line(error)} {advice}"
    if isinstance(error, OSError) and error.errno is not None:
        return FAILED, f"{error.filename or 'file system'}: {error.strerror}. Check space and rights, then run again."
    return None


def _broken_toml(text: str) -> str:
    """Return which file of dlt's configuration is broken, and where; `text` names the files that it reads."""
    import tomlkit
    from tomlkit.exceptions import ParseError, TOMLKitError

    for path in re.findall(r"'([^']+)'", text.splitlines()[0]):
        try:
            with open(path, encoding="utf-8") as file:
                tomlkit.load(file)
        except ParseError as error:
            return f"`{path}`, line {error.line}, column {error.col}: {_toml_reason(error)}. Mend it, then run again."
        except TOMLKitError as error:
            return f"`{path}`: {_toml_reason(error)}. Mend it, then run again."
        except UnicodeDecodeError as error:
            return f"`{path}`: byte {error.start + 1} is not UTF-8. Save the file as UTF-8, then run again."
        except OSError:
            continue
    return f"configuration: {text.splitlines()[-1]}. Mend .dlt/config.toml or .dlt/secrets.toml, then run again."


def _toml_reason(error: Exception) -> str:
    """Return what is wrong, without a period; control characters are named, not shown."""
    reason = str(error).rpartition(" at line")[0] or str(error)
    if "Control characters" in reason:
        return "a text is not closed" if "u000a" in reason else "a control character stands in a text or comment"
    if "end of file" in reason or "'\\x00'" in reason:
        return "the file ends in the middle of a setting, or a text is not closed"
    if "'\\n'" in reason or "'\\r'" in reason:
        return "the line ends in the middle of a setting"
    return reason.rstrip(".")


def _wrong_type(name: str, value: object, hint: object) -> str:
    """Return the line for a setting whose value does not fit its type. A secret is taken as it is, so none is shown."""
    wanted = {int: "a whole number", float: "a number", bool: "`true` or `false`"}
    meant = next((words for kind, words in wanted.items() if hint is kind), None)
    meant = meant or ("a list" if "list" in str(hint).lower() else f"of the type {getattr(hint, '__name__', hint)}")
    return f"setting `{name}`: `{str(value)[:80]}` is not {meant}. Correct it, then run again."


def _causes(error: BaseException) -> Iterator[BaseException]:
    seen = set()
    current: BaseException | None = error
    while current is not None and id(current) not in seen:
        seen.add(id(current))
        yield current
        current = getattr(current, "exception", None) or current.__cause__ or current.__context__


def _first_line(error: BaseException) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    line = lines[0][:300] if lines else "no message."
    return line if line.endswith((".", "!", "?")) else f"{line}."


class ModelError(Exception):
    """A model that cannot be built: which file, which line, why. Raised before anything is written."""

    def __init__(self, file: Path, reason: str, line: int | None = None) -> None:
        self.file, self.line, self.reason = file, line, reason
        super().__init__(f"{file}{f':{line}' if line else ''}: {reason}")
