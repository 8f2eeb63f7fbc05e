"""DuckDB: the file, its lock, the direct merge."""
