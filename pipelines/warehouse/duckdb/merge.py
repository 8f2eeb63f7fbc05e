"""DuckDB without a staging copy: files of rows and results of queries go straight to their table.

dlt's own way writes every row twice, into a staging table and from there into the table. A parquet file can be read
twice instead, once for its keys, and what a query replaces is known before it runs. One transaction each, so what is
repeated, or a run that died, changes nothing.
"""

from typing import Any

import dlt
from dlt.common.destination.client import FollowupJobRequest, LoadJob
from dlt.destinations.exceptions import DatabaseTransientException
from dlt.destinations.impl.duckdb.duck import DuckDbClient, DuckDbCopyJob
from dlt.destinations.job_client_impl import ModelLoadJob

from pipelines.common.allocator import give_memory_back

MEMORY_FOR_LARGE_ROWS = "4GB"
# What dlt keeps of `deduplicated`: no key comes twice in the files of one load.
KEYS_COME_ONCE = "x-stage-data-deduplicated"
# Given to a table that one query fills.
FILLED_BY_QUERY = "x-filled-by-query"
# Where dlt keeps `destination_scope`.
SCOPE = "x-merge-destination-scope"


class MergingDuckDb(dlt.destinations.duckdb):
    """dlt's DuckDB destination; tables declared `deduplicated` or filled by a query take the short way."""

    def __init__(self, database: Any, **options: Any) -> None:
        super().__init__(database, **options)
        self._capabilities: Any = None
        self._configurations: dict[str, Any] = {}

    # dlt asks for the same some hundred times in a run, and would read all settings again each time: a tenth of an
    # hourly run.
    def capabilities(self, config: Any = None, naming: Any = None) -> Any:
        if config is not None or naming is not None:
            return super().capabilities(config, naming)
        if self._capabilities is None:
            self._capabilities = super().capabilities()
        return self._capabilities.copy()

    def configuration(self, initial_config: Any, accept_partial: bool = False) -> Any:
        if accept_partial:
            return super().configuration(initial_config, accept_partial)
        asked = repr(dict(initial_config or {}))
        if asked not in self._configurations:
            self._configurations[asked] = super().configuration(initial_config)
        return self._configurations[asked].copy()

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
        if table.get(FILLED_BY_QUERY) and ModelLoadJob.is_model_job(file_path):
            return _QueryJob(file_path)
        return super().create_load_job(table, file_path, load_id, restore)

    def should_load_data_to_staging_dataset(self, table_name: str) -> bool:
        return not _is_short(self.prepare_load_table(table_name)) and super().should_load_data_to_staging_dataset(
            table_name
        )

    def _create_merge_followup_jobs(self, table_chain: Any) -> list[FollowupJobRequest]:
        return [] if _is_short(table_chain[0]) else super()._create_merge_followup_jobs(table_chain)

    def _create_replace_followup_jobs(self, table_chain: Any) -> list[FollowupJobRequest]:
        return [] if _is_short(table_chain[0]) else super()._create_replace_followup_jobs(table_chain)


def _is_short(table: Any) -> bool:
    return bool(table.get(KEYS_COME_ONCE) or table.get(FILLED_BY_QUERY))


class _QueryJob(ModelLoadJob):
    """Removes the rows that a query gives anew, all or those of some days, and adds its result."""

    def run(self) -> None:
        client = self._job_client.sql_client
        table = client.make_qualified_table_name(self.load_table_name)
        with client.begin_transaction():
            if self._load_table["write_disposition"] != "append":
                client.execute_sql(f"DELETE FROM {table} WHERE {self._load_table.get(SCOPE, 'true')}")
            super().run()


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
