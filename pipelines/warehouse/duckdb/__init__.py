"""DuckDB: one file, which one process at a time can write."""

from .engine import DuckDb

ENGINE = DuckDb
