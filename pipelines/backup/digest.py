"""A digest of the rows of a table that does not depend on their order, equal on every destination."""

from functools import cache
from typing import Any, NamedTuple

import duckdb
import pyarrow as pa

_MODULUS = 2**64


class Digest(NamedTuple):
    """The number of rows, and the sum of their hashes modulo 2^64."""

    rows: int = 0
    hash: int = 0

    def __add__(self, other: Any) -> "Digest":
        return Digest(self.rows + other.rows, (self.hash + other.hash) % _MODULUS)


def digest_of(rows: pa.Table) -> Digest:
    """Return the digest of rows, whose columns must have the same types and order wherever they are compared."""
    connection = _database()
    # Names of columns are no part of the hash: an engine may fold their case.
    connection.register("plain", rows.rename_columns([f"c{number}" for number in range(rows.num_columns)]))
    try:
        found = connection.execute("select count(*), coalesce(sum(hash(plain)), 0) from plain").fetchone()
    finally:
        connection.unregister("plain")
    assert found is not None
    return Digest(int(found[0]), int(found[1]) % _MODULUS)


@cache
def _database() -> duckdb.DuckDBPyConnection:
    """Return a database in memory, which computes the hashes. It uses one core: the source may need the other."""
    return duckdb.connect(config={"threads": 1, "memory_limit": "200MB"})
