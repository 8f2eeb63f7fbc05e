"""What a target is given: lines in its format, and what it needs to wrap them."""

from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any, NamedTuple

from pipelines.export.siem.lines import EventLines
from pipelines.export.siem.values import moment


class Line(NamedTuple):
    """An event as a line of the target's format."""

    event_id: int
    code: str
    at: datetime
    severity: str
    body: bytes


def lines_of(rows: list[dict[str, Any]], lines: EventLines) -> Iterator[Line]:
    """Yield the line of each row."""
    for row, (body, kind) in zip(rows, lines.with_class(rows), strict=True):
        yield Line(row["event_id"], str(row["event_type_id"] or "-"), moment(row), kind.severity, body)


def batches(lines: Iterable[Line], most_lines: int, most_bytes: int) -> Iterator[list[Line]]:
    """Yield lists of lines within both limits. A line that is longer than the limit comes alone."""
    batch: list[Line] = []
    size = 0
    for line in lines:
        if batch and (len(batch) == most_lines or size + len(line.body) > most_bytes):
            yield batch
            batch, size = [], 0
        batch.append(line)
        size += len(line.body)
    if batch:
        yield batch
