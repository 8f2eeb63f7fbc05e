"""DuckDB without a staging copy: a file of rows is merged straight from parquet.

dlt's own way writes every row twice, into a staging table and from there into the table. A parquet file can be read
twice instead, once for its keys. One transaction a file, so a repeated file, or a run that died, changes nothing.
"""

from typing import Any

import dlt
from dlt.common.destination.client import FollowupJobRequest, LoadJob
from dlt.destinations.exceptions import DatabaseTransientException
from dlt.destinations.impl.duckdb.duck import DuckDbClient, DuckDbCopyJob

from .memory import give_memory_back

MEMORY_FOR_LARGE_ROWS = "4GB"
# What dlt keeps of `deduplicated`: no key comes twice in the files of one load.
KEYS_COME_ONCE = "x-stage-data-deduplicated"


class MergingDuckDb(dlt.destinations.duckdb):
    """dlt's DuckDB destination; tables declared `deduplicated` take the short way."""

    @property
    def client_class(self) -> Any:
        return _MergingClient

    @property
    def destination_type(self) -> str:
        # The name under which dlt keeps it in the pipeline's state, and under which its settings are found.
        return "dlt.destinations.duckdb"


class _MergingClient(DuckDbClient):
    def create_load_job(self, table: Any, file_path: str, load_id: str, restore: bool = False) -> LoadJob:
        if table.get(KEYS_COME_ONCE) and file_path.endswith(".parquet"):
            return _MergeJob(file_path)
        return super().create_load_job(table, file_path, load_id, restore)

    def should_load_data_to_staging_dataset(self, table_name: str) -> bool:
        short = self.prepare_load_table(table_name).get(KEYS_COME_ONCE)
        return not short and super().should_load_data_to_staging_dataset(table_name)

    def _create_merge_followup_jobs(self, table_chain: Any) -> list[FollowupJobRequest]:
        return [] if table_chain[0].get(KEYS_COME_ONCE) else super()._create_merge_followup_jobs(table_chain)


class _MergeJob(DuckDbCopyJob):
    """Replaces the rows that a file brings again, and adds the others."""

    def run(self) -> None:
        give_memory_back()
        try:
            self._merge()
        except DatabaseTransientException as error:
            if "Out of Memory Error" not in str(error):
                raise
            # Rows of unusual size: what is enough for any load else is not for these.
            self._job_client.sql_client.execute_sql(f"SET memory_limit = '{MEMORY_FOR_LARGE_ROWS}'")
            self._merge()

    def _merge(self) -> None:
        client = self._job_client.sql_client
        table = client.make_qualified_table_name(self.load_table_name)
        columns: dict[str, Any] = self._load_table["columns"]
        key = next(client.escape_column_name(name) for name, column in columns.items() if column.get("primary_key"))
        file = client.capabilities.escape_literal(self._file_path)
        with client.begin_transaction():
            client.execute_sql(f"DELETE FROM {table} WHERE {key} IN (SELECT {key} FROM read_parquet({file}))")
            super().run()
