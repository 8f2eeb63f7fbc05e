"""Copies of the data to keep: backups of a DuckDB file, archives of the raw tables, the move to another destination."""
