"""The rows of one table as a file or a stream."""
