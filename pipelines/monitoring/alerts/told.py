"""What each channel was told already: by the table `alerts`, and by a file for runs that cannot reach the destination.

The table records what any channel was told. While a channel fails, it misses what the others are told; the row of its
first failure shows since when. The file holds the failed runs. It is always written, so that both agree on one machine.
"""

import json
import logging
import os
from datetime import datetime
from typing import Any

from dlt.common.runtime.run_context import active as active_run_context

FILE_NAME = "anaplan_audit_alerts.json"
SENT = ("alerted", "resolved")
Row = dict[str, Any]
logger = logging.getLogger(__name__)


class Told:
    """What one channel was told.

    Args:
        channel (str): Name of the channel.
        recorded (List[Row]): All rows of `alerts`.

    Attributes:
        rows (List[Row]): The rows without those that the channel missed.
    """

    def __init__(self, channel: str, recorded: list[Row]) -> None:
        self._channel = channel
        since = _fails_since(channel, recorded)
        self._missed = [row for row in recorded if since and row["happened_at"] >= since and _is_sent(row)]
        self.rows = [row for row in recorded if row not in self._missed]
        self._in_file = _read_file(channel)

    @property
    def open_failures(self) -> dict[str, int]:
        """The exit code of each command that the channel knows as failed."""
        return {**_failures_after({}, self.rows), **self._in_file}

    def remember(self, rows: list[Row]) -> None:
        """Write into the file what the channel was told now. Without rows, it keeps what the others are told apart."""
        _write_file(self._channel, _failures_after(self._in_file, rows))

    def not_recorded(self, rows: list[Row], others: list[Row]) -> list[Row]:
        """Return the rows without those that record again what another channel was told, earlier or now (`others`)."""
        elsewhere = [*sorted(self._missed, key=lambda row: row["happened_at"]), *others]
        newest = {(row["kind"], row["subject"]): _content(row) for row in elsewhere}
        return [row for row in rows if newest.get((row["kind"], row["subject"])) != _content(row)]


def _fails_since(channel: str, recorded: list[Row]) -> datetime | None:
    """Return when the channel began to fail, None if its last message was taken."""
    since: datetime | None = None
    for row in sorted(recorded, key=lambda row: row["happened_at"]):
        if (row["kind"], row["subject"]) == ("alerting", channel):
            since = (since or row["happened_at"]) if row["what"] == "failed" else None
    return since


def _is_sent(row: Row) -> bool:
    """Whether a row records a message, unlike an acknowledgement or the state of a channel."""
    return row["what"] in SENT or (row["kind"], row["subject"]) == ("alerting", "look-up")


def _content(row: Row) -> tuple[str, int | None]:
    return row["what"], row["exit_code"]


def _failures_after(failures: dict[str, int], rows: list[Row]) -> dict[str, int]:
    """Return the exit code of each command that still fails, after the alerts of `rows`."""
    after = dict(failures)
    for row in rows:
        if row["kind"] == "run" and row["what"] == "alerted":
            after[row["subject"]] = int(row["exit_code"])
        elif row["kind"] == "run" and row["what"] == "resolved":
            after.pop(row["subject"], None)
    return after


def _path() -> str:
    return os.path.join(active_run_context().data_dir, FILE_NAME)


def _read_file(channel: str) -> dict[str, int]:
    stored = _stored()
    try:
        # A channel that is new, or a file of an earlier version, has the failures of all channels.
        channels = stored.get("channels", {})
        failures = channels[channel] if channel in channels else stored["failures"]
        return {str(command): int(code) for command, code in failures.items()}
    except (KeyError, ValueError, TypeError, AttributeError):
        # Without the file a failure is sent once more, which is better than never.
        return {}


def _stored() -> dict[str, Any]:
    try:
        with open(_path(), encoding="utf-8") as file:
            stored = json.load(file)
    except (OSError, ValueError):
        return {}
    return stored if isinstance(stored, dict) else {}


def _write_file(channel: str, failures: dict[str, int]) -> None:
    path, channels = _path(), _stored().get("channels")
    channels = {**(channels if isinstance(channels, dict) else {}), channel: failures}
    try:
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(f"{path}.new", "w", encoding="utf-8") as file:
            json.dump({"failures": failures, "channels": channels}, file)
        os.replace(f"{path}.new", path)
    except OSError as error:
        logger.warning("`%s`: %s. The next run may send the same alert again.", path, error.strerror)
