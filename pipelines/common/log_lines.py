"""How warnings of this program look in the log: as every other line of a command."""

import logging
import os

import audit_source

_OWN_FOLDERS = tuple(
    os.path.join(folder, "")
    for folder in (os.path.dirname(os.path.dirname(__file__)), os.path.dirname(audit_source.__file__))
)


class _OwnLines(logging.Formatter):
    """Writes this program's own warnings as `audit: ...`, and leaves the lines of others to dlt's formatter."""

    def __init__(self, others: logging.Formatter) -> None:
        super().__init__()
        self._others = others

    def format(self, record: logging.LogRecord) -> str:
        if record.pathname.startswith(_OWN_FOLDERS) and record.exc_info is None:
            return f"audit: {' '.join(record.getMessage().split())}"
        return self._others.format(record)


def say_own_warnings() -> None:
    """Let this program's own warnings look like the other lines of a command, unless every step is logged."""
    logger = logging.getLogger("dlt")
    if logger.isEnabledFor(logging.INFO):
        return
    for handler in logger.handlers:
        # Not where somebody has chosen JSON, or a form of their own.
        if type(handler.formatter).__name__ == "_MetricsFormatter":
            handler.setFormatter(_OwnLines(handler.formatter))  # type: ignore[arg-type]


def drop_expected_warnings() -> None:
    """Drop the warnings of dlt that the source causes on purpose. A second call changes nothing."""
    from audit_source.dlt_internals import EXPECTED

    logging.getLogger("dlt").addFilter(EXPECTED)
