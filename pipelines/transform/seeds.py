"""Read a seed: a CSV file whose rows are a small table that users edit."""

import csv
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipelines.common.exit_codes import ModelError

from .column_types import Columns
from .table_docs import TableDocs


@dataclass(frozen=True)
class Seed:
    """A table whose rows are a CSV file, or found by a run (`addresses.py`).

    `version` stands for the rows where they are found: with another one, what reads the table is built again.
    """

    name: str
    file: Path
    columns: Columns
    rows: list[dict[str, Any]]
    docs: TableDocs
    version: str | None = None

    @property
    def inputs(self) -> frozenset[str]:
        """No names: a seed reads nothing."""
        return frozenset()


def read_seed(path: Path, docs: TableDocs) -> Seed:
    """Return the rows of a CSV file; empty fields are NULL.

    Raises:
        ModelError: The header or a value is invalid, or two rows have the same key.
    """
    columns = {name: docs.types.get(name, "text") for name in docs.columns}
    keys: set[tuple[Any, ...]] = set()
    rows = []
    with path.open(encoding="utf-8", newline="") as lines:
        reader = csv.DictReader(lines, strict=True)
        if list(reader.fieldnames or []) != list(columns):
            raise ModelError(path, f"the header has to be {','.join(columns)}", 1)
        for line in reader:
            row = {name: _value(path, reader.line_num, columns[name], line[name]) for name in columns}
            key = tuple(row[name] for name in docs.key)
            if key in keys:
                # A model that joins a seed would double its rows.
                raise ModelError(path, f"the key {key} occurs twice: keep one of the rows", reader.line_num)
            keys.add(key)
            rows.append(row)
    return Seed(path.stem, path, columns, rows, docs)


def _value(path: Path, line: int, data_type: str, text: str | None) -> str | int | None:
    if text is None or text == "":
        return None
    if data_type == "bigint":
        try:
            return int(text)
        except ValueError as error:
            raise ModelError(path, f"`{text}` is not a whole number", line) from error
    return text
