"""How a command ends: an exit code for schedulers, and one line that says what to do."""

import re
import textwrap
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from .signals import LEASE_LOST_CODE, interruption_of, line_of
from .source_hints import source_error_line

DONE = 0
FAILED = 1
CONFIGURATION = 2
SIGN_IN = 3
UNREACHABLE = 4
INCOMPLETE = 5
CHECK_FAILED = 6
NOT_FORWARDED = 7
LOCKED = 75
LEASE_LOST = LEASE_LOST_CODE
# 128 + the signal number, as in shells: Ctrl-C and SIGTERM.
INTERRUPTED, TERMINATED = 130, 143
# As with GNU `timeout`.
TIMED_OUT = 124

MEANINGS = {
    DONE: "done",
    FAILED: "the destination refused the data, or an unexpected error",
    CONFIGURATION: "configuration",
    SIGN_IN: "sign-in or role",
    UNREACHABLE: "Anaplan unreachable after retries",
    INCOMPLETE: "loaded, but a window, list or history is incomplete; the next run fetches it again",
    CHECK_FAILED: "a data check failed",
    NOT_FORWARDED: "loaded, but a target of `[forward]` did not accept its events; the next run sends them",
    LOCKED: "another run, or another program, holds the database",
    LEASE_LOST: "another run took over, because this one stood still for longer than `lease_seconds`",
    TIMED_OUT: "ended after `run_timeout`",
    INTERRUPTED: "ended by Ctrl-C",
    TERMINATED: "ended by SIGTERM",
}
# Click indents it by two columns and does not wrap it.
HELP = "\b\nExit codes:\n" + "\n".join(
    textwrap.fill(f" {code:>3}  {meaning}", 78, subsequent_indent=" " * 6) for code, meaning in MEANINGS.items()
)


# Of several codes the first one counts: what needs a person, then what passes with a later run.
_WORST_FIRST = (
    CONFIGURATION,
    SIGN_IN,
    CHECK_FAILED,
    FAILED,
    TERMINATED,
    INTERRUPTED,
    TIMED_OUT,
    UNREACHABLE,
    INCOMPLETE,
    NOT_FORWARDED,
    LEASE_LOST,
    LOCKED,
    DONE,
)


def worst_of(codes: Iterable[int]) -> int:
    """Return the worst of some exit codes. A process that a signal killed, or an unknown code, counts as failed."""
    known = [code if code in _WORST_FIRST else FAILED for code in codes]
    return min(known, key=_WORST_FIRST.index, default=DONE)


def meaning_of(code: int) -> str:
    """Return the meaning of an exit code."""
    return MEANINGS.get(code, "unknown")


class Ending(NamedTuple):
    """How a command ends: its exit code, and one line that names the reason and the way out."""

    code: int
    line: str


class PipelineError(Exception):
    """An error that ends the command with its exit code and its one line."""

    def __init__(self, code: int, line: str) -> None:
        self.code = code
        super().__init__(" ".join(line.split()))


class TableError(Exception):
    """The destination refused to write a table, for a reason."""

    def __init__(self, table: str, reason: BaseException) -> None:
        self.table, self.reason = table, reason
        super().__init__(f"table `{table}`: {reason}")


def explain(error: BaseException) -> Ending:
    """Return exit code and line for any error. The cause of an error counts more than what wrapped it."""
    for cause in _causes(error):
        found = _known(cause)
        if found is not None:
            return found
    root = list(_causes(error))[-1]
    return Ending(FAILED, f"{type(root).__name__}: {_first_line(root)} Run again with --debug for the traceback.")


def explain_any(error: BaseException) -> Ending:
    """Return exit code and line for an error or for a signal that ended the command."""
    interrupted = interruption_of(error)
    return explain(error) if interrupted is None else Ending(interrupted, line_of(interrupted))


def code_of_source_error(error: Exception) -> int | None:
    """Return the exit code for an error of the source, or None for any other error."""
    from audit_source import errors

    for kind, code in (
        (errors.ConfigurationError, CONFIGURATION),
        (errors.SignInError, SIGN_IN),
        (errors.UnreachableError, UNREACHABLE),
        (errors.BadAnswerError, UNREACHABLE),
        (errors.ExportError, INCOMPLETE),
    ):
        if isinstance(error, kind):
            return code
    return None


def _known(error: BaseException) -> Ending | None:
    """Return the ending for an error of a known kind, else None."""
    if isinstance(error, PipelineError):
        return Ending(error.code, str(error))
    if isinstance(error, ModelError):
        return Ending(CONFIGURATION, f"model: {_first_line(error)} Nothing was written.")
    if isinstance(error, Exception) and (code := code_of_source_error(error)) is not None:
        return Ending(code, source_error_line(error))
    line = _configuration_line(error)
    if line is not None:
        return Ending(CONFIGURATION, line)
    line = _destination_line(error)
    if line is not None:
        return Ending(FAILED, line)
    if isinstance(error, OSError) and error.errno is not None:
        where = error.filename or "file system"
        return Ending(FAILED, f"{where}: {error.strerror}. Check free space and permissions, then run again.")
    return None


def _configuration_line(error: BaseException) -> str | None:
    from dlt.common.configuration.exceptions import ConfigurationException, ConfigValueCannotBeCoercedException
    from dlt.common.configuration.providers.toml import TomlProviderReadException
    from dlt.common.exceptions import MissingDependencyException
    from tomlkit.exceptions import TOMLKitError

    if isinstance(error, TomlProviderReadException):
        return _broken_toml(str(error))
    if isinstance(error, TOMLKitError):
        return f"configuration: {_first_line(error)} Correct .dlt/config.toml or .dlt/secrets.toml."
    if isinstance(error, ConfigValueCannotBeCoercedException):
        return _wrong_type(error.field_name, error.field_value, error.hint)
    if isinstance(error, ConfigurationException):
        inner = re.search(r"^field `(\w+)` is itself .* missing field\(s\): (.+)$", str(error), re.MULTILINE)
        if inner:
            return f"configuration: `{inner[1]}` lacks {inner[2]}. Add what is missing to .dlt/secrets.toml."
        return f"configuration: {_first_line(error)} See .dlt/config.toml and .dlt/secrets.toml.example."
    if isinstance(error, MissingDependencyException):
        return f"destination: {_first_line(error)} Install its driver: make driver FOR=<destination_type>."
    return None


def _destination_line(error: BaseException) -> str | None:
    from dlt.common.destination.exceptions import DestinationException
    from dlt.load.exceptions import LoadClientJobException

    if isinstance(error, LoadClientJobException):
        table = str(error.job_id).partition(".")[0]
        reason = _first_line(error.client_exception or error)
        return _table_line(table, reason)
    if isinstance(error, TableError):
        return _table_line(error.table, _first_line(error.reason))
    if isinstance(error, DestinationException):
        return f"destination: {_first_line(error)} Data that was loaded before is unchanged. Run again."
    # Every Python database driver gives this name to a server that is unreachable or refuses the credentials.
    if any(kind.__name__ == "OperationalError" for kind in type(error).__mro__):
        hint = "Check that the database runs, and check its address and credentials. Then run again."
        return f"destination: {_first_line(error)} {hint}"
    return None


def _table_line(table: str, reason: str) -> str:
    return f"destination: table `{table}`: {reason} Data that was loaded before is unchanged."


def _broken_toml(text: str) -> str:
    """Return which configuration file is broken, and where. `text` is dlt's error, which names its files."""
    import tomlkit
    from tomlkit.exceptions import ParseError, TOMLKitError

    for path in re.findall(r"'([^']+)'", text.splitlines()[0]):
        try:
            with open(path, encoding="utf-8") as file:
                tomlkit.load(file)
        except ParseError as error:
            return (
                f"`{path}`, line {error.line}, column {error.col}: {_toml_reason(error)}. Correct it, then run again."
            )
        except TOMLKitError as error:
            return f"`{path}`: {_toml_reason(error)}. Correct it, then run again."
        except UnicodeDecodeError as error:
            return f"`{path}`: byte {error.start + 1} is not UTF-8. Save the file as UTF-8, then run again."
        except OSError:
            continue
    return f"configuration: {text.splitlines()[-1]}. Correct .dlt/config.toml or .dlt/secrets.toml, then run again."


def _toml_reason(error: Exception) -> str:
    """Return what is wrong, without a period. Control characters are named, not shown."""
    reason = str(error).rpartition(" at line")[0] or str(error)
    if "Control characters" in reason:
        return "a text is not closed" if "u000a" in reason else "a control character stands in a text or comment"
    if "end of file" in reason or "'\\x00'" in reason:
        return "the file ends in the middle of a setting, or a text is not closed"
    if "'\\n'" in reason or "'\\r'" in reason:
        return "the line ends in the middle of a setting"
    return reason.rstrip(".")


def _wrong_type(name: str, value: object, hint: object) -> str:
    """Return the line for a setting of the wrong type. It can show the value: secrets are text, which always fits."""
    words = {int: "a whole number", float: "a number", bool: "`true` or `false`"}
    expected = next((text for kind, text in words.items() if hint is kind), None)
    expected = expected or (
        "a list" if "list" in str(hint).lower() else f"of the type {getattr(hint, '__name__', hint)}"
    )
    return f"setting `{name}`: `{str(value)[:80]}` is not {expected}. Correct it, then run again."


def _causes(error: BaseException) -> Iterator[BaseException]:
    seen = set()
    current: BaseException | None = error
    while current is not None and id(current) not in seen:
        seen.add(id(current))
        yield current
        attached = getattr(current, "exception", None)
        # An error of gRPC has a method by this name.
        current = attached if isinstance(attached, BaseException) else current.__cause__ or current.__context__


def _first_line(error: BaseException) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    if len(lines) > 1 and re.fullmatch(r"Code: \d+\.", lines[0]):
        # ClickHouse's driver says only the number of the error there.
        lines[0] = f"{lines[0]} {lines[1]}"
    line = lines[0][:300] if lines else "no message."
    return line if line.endswith((".", "!", "?")) else f"{line}."


class ModelError(Exception):
    """A model that cannot be built, with file, line and reason. Raised before anything is written."""

    def __init__(self, file: Path, reason: str, line: int | None = None) -> None:
        self.file, self.line, self.reason = file, line, reason
        super().__init__(f"{file}{f':{line}' if line else ''}: {reason}")
