"""Rows of a table as a file or a stream."""
