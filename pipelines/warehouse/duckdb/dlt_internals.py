"""The undocumented parts of dlt's DuckDB destination on which the direct write depends.

They are separate from `warehouse/dlt_internals.py`, because a run on another engine must not import DuckDB. The
contract tests are in `tests/pipelines/warehouse/test_dlt_internals.py`.
"""

from typing import Any

from dlt.common.destination.client import FollowupJobRequest, LoadJob, RunnableLoadJob
from dlt.destinations.impl.duckdb.duck import DuckDbClient, DuckDbCopyJob
from dlt.destinations.job_client_impl import ModelLoadJob


class UnstagedClient(DuckDbClient):
    """dlt's client for a database in which some tables are loaded without a staging copy.

    Seen in dlt 1.31: `create_load_job` makes the job of each file, `should_load_data_to_staging_dataset` and the two
    private methods decide about the staging copy.
    """

    def is_unstaged(self, table: Any) -> bool:
        """Whether a table is loaded without staging. Overridden by subclasses."""
        return False

    def unstaged_job(self, table: Any, path: str) -> LoadJob | None:
        """Return the job that loads a file into an unstaged table, None for dlt's own. Overridden by subclasses."""
        return None

    def create_load_job(self, table: Any, file_path: str, load_id: str, restore: bool = False) -> LoadJob:
        """Return the job that loads a file, without staging if the table has none."""
        return self.unstaged_job(table, file_path) or super().create_load_job(table, file_path, load_id, restore)

    def should_load_data_to_staging_dataset(self, table_name: str) -> bool:
        """Whether a table is loaded through dlt's staging dataset."""
        is_staged = not self.is_unstaged(self.prepare_load_table(table_name))
        return is_staged and super().should_load_data_to_staging_dataset(table_name)

    def _create_merge_followup_jobs(self, table_chain: Any) -> list[FollowupJobRequest]:
        return [] if self.is_unstaged(table_chain[0]) else super()._create_merge_followup_jobs(table_chain)

    def _create_replace_followup_jobs(self, table_chain: Any) -> list[FollowupJobRequest]:
        return [] if self.is_unstaged(table_chain[0]) else super()._create_replace_followup_jobs(table_chain)


class _JobParts(RunnableLoadJob):
    """The parts of a job. Seen in dlt 1.31: the loader sets `_job_client` and `_load_table` before it calls `run`."""

    @property
    def client(self) -> Any:
        """The SQL client of the job."""
        job_client: Any = self._job_client
        return job_client.sql_client

    @property
    def table(self) -> Any:
        """dlt's table with columns and hints."""
        return self._load_table

    @property
    def qualified_table_name(self) -> str:
        """The table as SQL."""
        return str(self.client.make_qualified_table_name(self.load_table_name))


class FileJob(DuckDbCopyJob, _JobParts):
    """dlt's job that copies a parquet file into its table. Seen in dlt 1.31: the path is in `_file_path`."""

    @property
    def path(self) -> str:
        """The parquet file."""
        return str(self._file_path)


class QueryJob(ModelLoadJob, _JobParts):
    """dlt's job that inserts the result of a query into its table. Seen in dlt 1.31."""

    @staticmethod
    def fits(path: str) -> bool:
        """Whether a file holds a query."""
        return ModelLoadJob.is_model_job(path)
