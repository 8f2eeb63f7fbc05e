"""Adds to what the source reports which command or option of this program helps."""

from datetime import datetime, timezone
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from audit_source.extract_report import ReloadLimit


def source_error_line(error: Exception) -> str:
    """Return the line of an error of the source, with the command that helps."""
    from audit_source import errors

    from .names import command_line

    if isinstance(error, errors.MissingRefreshTokenError):
        return f"{error} `{command_line('login')}` gets one."
    if isinstance(error, errors.RefreshTokenError):
        return f"{error} `{command_line('login')}` gets a new refresh token."
    return str(error)


def reload_notice(limit: "ReloadLimit") -> str:
    """Return why `--since` began later than requested."""
    floor = f"{datetime.fromtimestamp(limit.floor / 1000, timezone.utc):%Y-%m-%d %H:%M} UTC"
    if limit.is_purged:
        return f"--since: the days before {floor} were purged. They are not loaded again."
    return (
        f"--since: Anaplan keeps {limit.history_days} days (setting `history_days`). "
        f"Nothing before {floor} is requested."
    )
