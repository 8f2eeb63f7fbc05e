"""Bring the Delta tables of the copy up to date: the days that differ, and the small tables that differ.

A reader sees the old or the new rows of a day and of a small table. What differs follows from the tables themselves, so
the next publication completes one that was killed, and takes over what happened without one.
"""

from collections.abc import Iterable
from datetime import date, datetime, timedelta, timezone
from hashlib import blake2b
from typing import NamedTuple

import pyarrow as pa

from pipelines.backup.digest import Digest, digest_of
from pipelines.common.lakehouse_settings import LakehouseSettings
from pipelines.common.wording import counted
from pipelines.warehouse.pipelines import LOAD_MEMORY, Pipelines

from .contents import Contents, Days, contents_of, stored_days
from .delta_table import LakeTable, explained

# Up to so many rows and days are written together: the library holds a file of each day in memory until the last row.
ROWS_TOGETHER, DAYS_TOGETHER = 100_000, 8
MARK = "_published"
_MARK_SCHEMA = pa.schema([("published_at", pa.timestamp("us", "UTC")), ("cleaned_at", pa.timestamp("us", "UTC"))])


class Copied(NamedTuple):
    """The result of a publication to a lakehouse."""

    url: str
    tables: int
    changed: int
    rows: int

    def line(self) -> str:
        """Return the result in one line."""
        return f"{self.changed} of {counted(self.tables, 'table')} changed, {counted(self.rows, 'row')} to {self.url}"


def copy_to_lakehouse(pipelines: Pipelines, settings: LakehouseSettings, *, purged: bool = False) -> Copied:
    """Bring every table of the copy up to date.

    Args:
        purged (bool): Delete files that no current version uses at once, not after `keep_days`.

    Raises:
        PipelineError: The folder or bucket cannot be written.
    """
    pipelines.limit_memory(LOAD_MEMORY)
    moment = datetime.now(timezone.utc)
    with explained(settings.url):
        mark = LakeTable(settings, pipelines.enriched.dataset_name, MARK, _MARK_SCHEMA, None)
        cleaned = max((row["cleaned_at"] for row in mark.rows()), default=None)
    is_due = purged or cleaned is None or cleaned.date() < moment.date()
    keep_hours = 0 if purged else int(timedelta(days=settings.keep_days).total_seconds() // 3600)
    written = []
    for pipeline in (pipelines.raw, pipelines.enriched):
        tables = contents_of(pipeline)
        days = stored_days(tables)
        for one in tables:
            with explained(f"{settings.url}/{pipeline.dataset_name}/{one.name}"):
                table = LakeTable(settings, pipeline.dataset_name, one.name, one.schema, one.day, one.text)
                written.append(_write_days(table, one, days[one.name]) if one.day else _write(table, one))
                table.describe()
                if is_due:
                    table.clean(keep_hours)
    with explained(mark.address):
        row = {"published_at": moment, "cleaned_at": moment if is_due else cleaned}
        mark.replace([pa.Table.from_pylist([row], _MARK_SCHEMA)])
        if is_due:
            mark.clean(keep_hours)
    changed = [rows for rows in written if rows is not None]
    return Copied(settings.url, len(written), len(changed), sum(changed))


def _write_days(table: LakeTable, contents: Contents, wanted: Days) -> int | None:
    """Replace the days that differ, and return the number of their rows; None if nothing differs."""
    is_new = not table.fits
    stored = {} if is_new else table.days()
    differing = {day: wanted[day].rows if day in wanted else 0 for day in wanted.keys() | stored.keys()}
    differing = {day: rows for day, rows in differing.items() if wanted.get(day) != stored.get(day)}
    if not differing and not is_new:
        return None
    for number, group in enumerate(_groups(differing) or [[]]):
        if is_new and number == 0:
            table.replace(contents.rows(group))
        else:
            table.replace_days(contents.rows(group), group)
    return sum(differing.values())


def _groups(days: dict[date | None, int]) -> list[list[date | None]]:
    """Return days that are written together."""
    groups: list[list[date | None]] = []
    rows = 0
    for day in sorted(days, key=str):
        if not groups or rows + days[day] > ROWS_TOGETHER or len(groups[-1]) == DAYS_TOGETHER:
            groups.append([])
            rows = 0
        groups[-1].append(day)
        rows += days[day]
    return groups


def _write(table: LakeTable, contents: Contents) -> int | None:
    """Replace a small table if its rows or columns differ, and return its number of rows; else None."""
    digest = Digest()
    for chunk in contents.rows():
        digest += digest_of(chunk)
    number = _number(digest, contents.columns.items())
    if table.digest == number:
        return None
    table.replace(contents.rows(), number)
    return digest.rows


def _number(digest: Digest, columns: Iterable[tuple[str, str]]) -> int:
    """Return a number that a log can hold: 63 bits."""
    text = f"{digest.rows} {digest.hash} {list(columns)}"
    return int.from_bytes(blake2b(text.encode(), digest_size=8).digest(), "big") >> 1
