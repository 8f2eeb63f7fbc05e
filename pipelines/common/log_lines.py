"""The form of this program's warnings in dlt's log: the same as all lines of a command."""

import logging
import os

import audit_source

_OWN_FOLDERS = tuple(
    os.path.join(folder, "")
    for folder in (os.path.dirname(os.path.dirname(__file__)), os.path.dirname(audit_source.__file__))
)


class OwnLines(logging.Formatter):
    """Writes this program's own warnings as `audit: ...`, and passes other lines to dlt's formatter."""

    def __init__(self, others: logging.Formatter) -> None:
        super().__init__()
        self._others = others

    def format(self, record: logging.LogRecord) -> str:
        """Return the record as one line that begins with `audit:`, if it is from this program."""
        if record.pathname.startswith(_OWN_FOLDERS) and record.exc_info is None:
            return f"audit: {' '.join(record.getMessage().split())}"
        return self._others.format(record)
