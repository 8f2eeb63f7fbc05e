"""The undocumented parts of dlt's DuckDB destination on which the direct write depends.

They are separate from `warehouse/dlt_internals.py`, because a run on another engine must not import DuckDB. The
contract tests are in `tests/pipelines/warehouse/test_dlt_internals.py`.
"""

from dlt.destinations.impl.duckdb.duck import DuckDbCopyJob

from pipelines.warehouse.dlt_internals import JobParts


class FileJob(DuckDbCopyJob, JobParts):
    """dlt's job that copies a parquet file into its table. Seen in dlt 1.31: the path is in `_file_path`."""

    @property
    def path(self) -> str:
        """The parquet file."""
        return str(self._file_path)
