"""Rows with the hash that identifies a version, for tables with history."""

import hashlib
from collections.abc import Sequence

import pyarrow as pa

from ..records import Rows, table_of
from ..schema import Table


def with_versions(table: Table, rows: Rows, identity: Sequence[str]) -> pa.Table:
    """Return the Arrow table of rows, each with the hash of the columns in `identity`."""
    values = zip(*(rows.columns[name] for name in identity), strict=True)
    rows.columns["row_version"] = [hashlib.sha256(repr(one).encode()).hexdigest()[:32] for one in values]
    return table_of(table, rows)
