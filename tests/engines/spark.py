"""A local Spark with the raw tables as files. It builds the models from the SQL that dlt would send."""

import os
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from audit_source import schema
from audit_source.field_types import FIELD_TYPES
from pipelines.transform.seeds import Seed
from pipelines.transform.summaries import Reach
from tests.support.raw_rows import Row, arrow_table
from tests.support.translation import ENRICHED, ENRICHMENT, RAW, Translator

SETTINGS = {
    "spark.ui.enabled": "false",
    "spark.driver.bindAddress": "127.0.0.1",
    "spark.driver.host": "127.0.0.1",
    "spark.log.level": "ERROR",
    "spark.sql.shuffle.partitions": "2",
    # Not UTC: a model must not depend on the session's time zone.
    "spark.sql.session.timeZone": "America/New_York",
    "spark.sql.parquet.outputTimestampType": "TIMESTAMP_MICROS",
    # This rule of Spark 4.2 and 4.3 refuses a window over a union if both select columns under the names they have
    # (`t.a as a`), as everything does that dlt sends. It only saves time.
    "spark.sql.optimizer.excludedRules": "org.apache.spark.sql.catalyst.optimizer.RemoveRedundantAliases",
}


class Spark:
    """The raw and enriched tables of one session."""

    def __init__(self, session: Any, folder: Path, reach: Reach) -> None:
        self._session, self._folder = session, folder
        self.translator = Translator("spark", reach)
        for database in (RAW, ENRICHED):
            self.sql(f"create database {database}")

    def sql(self, query: str) -> list[Any]:
        return list(self._session.sql(query).collect())

    def load(self, rows: Mapping[str, list[Row]]) -> None:
        """Write the raw tables."""
        for table in schema.TABLES:
            self._write(RAW, table.name, arrow_table(table, rows.get(table.name, [])))

    def enrich(self, found: Mapping[str, list[Row]]) -> None:
        """Build every table, inputs first. `found` are the rows of seeds that a run finds."""
        for seed in (replace(one, rows=found.get(one.name, one.rows)) for one in ENRICHMENT.seeds):
            self._write(ENRICHED, seed.name, _seed_table(seed))
        for name, query in self.translator.models().items():
            self.sql(f"create table {ENRICHED}.{name} using parquet as {query}")

    def rows(self, table: str, columns: list[str]) -> list[tuple[Any, ...]]:
        """Return the rows of an enriched table, sorted by all columns; times in UTC."""
        folder = self._folder / f"{ENRICHED}.db" / table
        found = pq.read_table(folder if folder.exists() else self._file(ENRICHED, table), columns=columns)
        rows = [tuple(row[name] for name in columns) for row in found.to_pylist()]
        return sorted(rows, key=lambda row: tuple(map(str, row)))

    def _file(self, database: str, table: str) -> Path:
        return self._folder / f"{database}_{table}.parquet"

    def _write(self, database: str, name: str, table: pa.Table) -> None:
        file = self._file(database, name)
        pq.write_table(table, file)
        self.sql(f"create table {database}.{name} using parquet location '{file}'")


def _seed_table(seed: Seed) -> pa.Table:
    types = pa.schema([pa.field(name, FIELD_TYPES[kind].arrow) for name, kind in seed.columns.items()])
    return pa.Table.from_pylist(seed.rows, types)


@contextmanager
def local_spark(folder: Path, reach: Reach) -> Iterator[Spark]:
    """Start Spark on two cores. It needs Java 17 or newer. `reach` says which days are recent."""
    with warnings.catch_warnings():
        # It warns about versions of libraries that the tests do not use.
        warnings.simplefilter("ignore")
        from pyspark.sql import SparkSession

        os.environ.setdefault("PYSPARK_PIN_THREAD", "true")
        builder = SparkSession.builder.master("local[2]").config("spark.sql.warehouse.dir", str(folder))
        for name, value in SETTINGS.items():
            builder = builder.config(name, value)
        session = builder.getOrCreate()
        try:
            yield Spark(session, folder, reach)
        finally:
            session.stop()
