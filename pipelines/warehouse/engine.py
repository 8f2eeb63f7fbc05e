"""The one place where destinations differ: an `Engine` for each kind of destination.

`Engine` holds what is right for every destination of dlt. A destination that needs something else has a module named
like it in this package (`postgres.py`, `duckdb/`). The module defines a subclass and names it `ENGINE`. `init` and
`copy-to` offer those that `kinds.py` lists. All other modules ask the engine and never compare names:
`tests/pipelines/warehouse/test_engine.py` checks this.
"""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from typing import Any, TypeVar

import dlt
import pyarrow as pa
from dlt.common.destination import Destination
from dlt.common.destination.exceptions import UnknownDestinationModule
from dlt.destinations.sql_client import SqlClientBase
from sqlglot import exp

from pipelines.common.exit_codes import CONFIGURATION, PipelineError
from pipelines.common.names import DIALECT, LOAD_NAME, dataset_name

from .dlt_internals import raw_relation
from .kinds import DEFAULT_KIND
from .table_names import name_two_datasets

TYPE_SETTING = f"pipelines.{LOAD_NAME}.destination_type"
ROWS_PER_CHUNK = 50_000
# Hint on a column by which an engine with indexes finds rows.
INDEXED = "x-indexed"
Query = TypeVar("Query", bound=exp.Query)


class Engine:
    """A destination as dlt provides it. Subclasses override what their engine does differently.

    | the engine has its own | override | example |
    | --- | --- | --- |
    | merge | `destination`, and `writes_directly` if it needs no staging copy | `duckdb/merge.py` |
    | transaction that replaces rows | `loads_by_statement`, `execute_together` | `postgres.py` |
    | lock against runs on other machines | `lock` and `has_lease` | `postgres.py` |
    | clock, or delay until other sessions see a change | `current_moment`, `settling_seconds` | `ducklake.py` |
    | SQL of the models | `fixed_sql` | `clickhouse.py`, `redshift.py` |
    | SQL that changes rows | `update_statement` | `clickhouse.py` |
    | file, or setting that must be checked | `opened_for_writing`, `opened_for_reading`, `check_settings` | `duckdb/` |
    | format of load files | `load_format` | |
    | partitions, sort keys | `day_column_hints`, `day_table_hints`, `key_table_hints` | `clickhouse.py` |
    | index by the time of the load | `load_time_hints` | `postgres.py` |
    | comments | `comment_catalogue`, `comment_hints`, `write_comments` | `bigquery.py` |
    | errors that need an explanation | `explanation_of`, `is_out_of_memory`, `lacks_column` | `duckdb/errors.py` |

    Attributes:
        name (str): dlt's name of the destination, which is also shown to users.
    """

    # Where the engine keeps purged rows, for how long, and how to shorten it. Empty: it keeps none.
    keeps_purged_rows = ""
    # Packages of the driver whose warnings say nothing that a user of this program can act on.
    noisy_packages: tuple[str, ...] = ()
    # The data is one file on this machine. While a process writes to it, no other process can open it.
    is_file = False
    # Files with unique keys go into the table without a staging copy.
    writes_directly = False
    # One transaction replaces rows by the result of a query, so enriched tables are filled without dlt.
    loads_by_statement = False
    # Number of connections on which tables are filled at the same time.
    parallel_statements = 1
    # The most checks that one statement holds. None: all, because each statement costs a round trip.
    checks_per_statement: int | None = None
    # The connection of a run is a DuckDB database: it can attach another file and copy tables into it without Python.
    attaches_files = False
    # A CTE that is read twice is computed with all its columns, which would copy every column of `events`.
    materializes_repeated_ctes = False
    # One run at a time on all machines is what a lease in the table `run_leases` is for.
    has_lease = True
    # Seconds after which all sessions see what one of them committed.
    settling_seconds = 0.0
    # What follows the query of a view, so that the tables it reads can be replaced.
    view_ending = ""
    # A table that a view reads cannot be dropped.
    views_hold_tables = False
    # Query for table, column (empty for the table itself) and comment of a dataset, which is given twice as a
    # parameter. None: dlt writes the comments when it creates the table, or the engine has none.
    comment_catalogue: str | None = None

    def __init__(self, name: str) -> None:
        self.name = name

    # Location

    def location(self) -> str:
        """Return the location of the data, as shown to users."""
        return f"{self.name} {dataset_name(LOAD_NAME)}"

    def database_file(self) -> str | None:
        """Return the path of the database file, None for a server."""
        return None

    def files(self) -> list[str]:
        """Return the paths of all files that hold the data, existing or not; none for a server."""
        return []

    def exists(self) -> bool:
        """Whether there is a database. A server counts as one, even if it is empty."""
        return True

    def file_variable(self) -> str | None:
        """Return the environment variable that names the database file, None for a server."""
        return None

    # Opening

    def check_settings(self) -> None:
        """Refuse settings that cannot work, before anything is opened.

        Raises:
            ConfigurationError: The password is the placeholder of the example.
        """
        from audit_source.auth.credentials import refuse_placeholder

        key = f"destination.{self.name}.credentials.password"
        refuse_placeholder(key, dlt.secrets.get(key))

    def opened_for_writing(self, wait_seconds: float | None = None) -> AbstractContextManager[Any]:
        """Hold the database open for one run; give its connection, or None where dlt opens its own.

        Args:
            wait_seconds (float): How long to wait for readers of a file; by default `wait_for_readers_seconds`.
        """
        return nullcontext()

    def opened_for_reading(self, wait_seconds: float) -> AbstractContextManager[Any]:
        """Return dlt's destination for reading, or None if there is no database yet.

        Raises:
            PipelineError: The database is still locked after `wait_seconds`, or cannot be opened.
        """
        from .settings import warn_about_open_secrets

        # Reading needs the credentials of the database.
        warn_about_open_secrets()
        return nullcontext(self.destination())

    def destination(self, database: Any = None) -> Any:
        """Return dlt's destination, on an open connection where `opened_for_writing` gave one.

        Its client decides how rows are merged: an engine with a merge of its own returns a destination whose
        `client_class` makes its own jobs.

        Raises:
            PipelineError: dlt has no such destination.
        """
        from pipelines.common.start_up import let_in_what_drivers_import, silence

        let_in_what_drivers_import()
        silence(self.noisy_packages)
        try:
            return Destination.from_reference(self.name, **self.destination_options())
        except UnknownDestinationModule:
            raise PipelineError(
                CONFIGURATION,
                f"setting `destination_type`: dlt knows no destination `{self.name}`. See .dlt/config.toml.",
            ) from None

    def destination_options(self) -> dict[str, Any]:
        """Return the arguments of dlt's destination."""
        # If a model fails, the table that it would have replaced must stay as it was.
        return {"replace_strategy": "insert-from-staging"}

    def lock(self, pipeline: dlt.Pipeline, *datasets: str) -> AbstractContextManager[None]:
        """Keep runs on other machines from writing these datasets.

        Raises:
            PipelineError: Another run holds the lock.
        """
        from .lease import held_lease

        return held_lease(pipeline, self)

    def current_moment(self, client: SqlClientBase[Any]) -> exp.Expr:
        """Return the expression of the current moment by the clock of the destination."""
        return exp.CurrentTimestamp()

    # Loading

    def load_format(self, destination: Any) -> Any:
        """Return the file format of loads, None for the one that dlt prefers."""
        # Parquet goes through Arrow on PostgreSQL, where dlt would prefer CSV.
        formats = destination.capabilities().supported_loader_file_formats or []
        return "parquet" if "parquet" in formats else None

    def limit_memory(self, database: Any, amount: str, threads: int | None = None) -> None:
        """Limit the engine inside this process to an amount (`200MB`) and a number of threads. A server has none."""

    def free_memory(self, database: Any) -> None:
        """Free the memory of an engine inside this process that holds what this run has written."""

    def compact(self, database: Any, raw: dlt.Pipeline) -> None:
        """Remove deleted rows from the storage, as far as a statement can."""

    def keep_house(self, raw: dlt.Pipeline) -> None:
        """Remove what a run need not keep, such as old versions of tables. Called at the end of each run."""

    def execute_together(self, client: SqlClientBase[Any], table: str, statements: list[str]) -> None:
        """Execute statements that change a table (its complete name) in one transaction."""
        with client.begin_transaction():
            for statement in statements:
                client.execute_sql(statement)

    # Queries

    def fixed_sql(self, query: Query) -> Query:
        """Return the query so that sqlglot translates it correctly from DuckDB's dialect."""
        return query

    def relation(self, dataset: dlt.Dataset, query: exp.Query, other: dlt.Dataset | None = None) -> dlt.Relation:
        """Return a query in DuckDB's dialect, after `fixed_sql`, as dlt's relation. The query may change.

        Tables of an `other` dataset are named with that dataset in the query.
        """
        if other is None:
            return dataset(query, query_dialect=DIALECT)
        # dlt would take a CTE, or an alias, for a table of the other dataset that has its name.
        name_two_datasets(query, dataset, other)
        for selected in query.selects:
            # dlt reads the columns by these names, in quotes.
            selected.args["alias"].set("quoted", True)
        return raw_relation(dataset, query)

    def stream(self, dataset: dlt.Dataset, relation: dlt.Relation) -> Iterator[pa.Table]:
        """Yield the rows of a relation in chunks, so that memory does not grow with their number."""
        yield from relation.iter_arrow(chunk_size=ROWS_PER_CHUNK)

    def update_statement(self, table: str, changes: str, condition: str) -> str:
        """Return the statement that changes rows of a table; all arguments are SQL."""
        return f"UPDATE {table} SET {changes} WHERE {condition}"

    # dbt

    def dbt_profile(self) -> dict[str, object] | None:
        """Return the connection of `make dbt`'s project, from environment variables; None: there is no such project."""
        return None

    # Partitions

    def day_column_hints(self) -> dict[str, Any]:
        """Return dlt's hints for the column with the day of a large table, by which the engine skips rows.

        They count when a table is created. A table that exists stays as it is.
        """
        return {}

    def day_table_hints(self, day: str) -> dict[str, Any]:
        """Return dlt's hints for a large table whose days are in the column `day`."""
        return {}

    def load_time_hints(self) -> dict[str, Any]:
        """Return dlt's hints for the column with the time of the load, by which a run finds the new rows of a table."""
        return {}

    def key_table_hints(self) -> dict[str, Any]:
        """Return dlt's hints for a table with a primary key whose columns may be empty."""
        return {}

    def day_hints(self, day: str, load_time: str | None = None) -> dict[str, Any]:
        """Return what `apply_hints` of a resource takes for a large table.

        Args:
            day (str): The column with the day of a row.
            load_time (str): The column with the time of its load, if a run finds new rows by it.
        """
        columns = {day: self.day_column_hints()} | ({load_time: self.load_time_hints()} if load_time else {})
        columns = {name: hints for name, hints in columns.items() if hints}
        return {
            **({"columns": columns} if columns else {}),
            **({"additional_table_hints": hints} if (hints := self.day_table_hints(day)) else {}),
        }

    # Comments

    def comment_hints(self, comment: str) -> dict[str, Any]:
        """Return the table hints by which dlt writes a comment when it creates the table."""
        return {"description": comment}

    def write_comments(self, client: SqlClientBase[Any], statements: list[str]) -> None:
        """Execute statements that set comments."""
        client.execute_many(statements)

    # Errors

    def is_out_of_memory(self, error: BaseException) -> bool:
        """Whether a statement failed because of `limit_memory`."""
        return False

    def lacks_column(self, error: BaseException) -> bool:
        """Whether a query failed because a table lacks columns that it names."""
        return False

    def explanation_of(self, error: BaseException, raw: dlt.Pipeline | None = None) -> PipelineError | None:
        """Return an error that says what to do, if the engine can explain this one, else None.

        Args:
            raw (dlt.Pipeline): Pipeline with which the engine can query the database.
        """
        return None

    @contextmanager
    def explained(self, raw: dlt.Pipeline | None = None) -> Iterator[None]:
        """Replace the errors that the engine can explain.

        Raises:
            PipelineError: The explanation.
        """
        try:
            yield
        except Exception as error:
            explanation = None if isinstance(error, PipelineError) else self.explanation_of(error, raw)
            if explanation is None:
                raise
            raise explanation from error


def off_unless_set(engine: str, setting: str) -> dict[str, bool]:
    """Return a setting of dlt's destination as switched off, unless the user has set it."""
    return {} if dlt.config.get(f"destination.{engine}.{setting}") is not None else {setting: False}


def transformed(query: Query, rule: Callable[[Any], Any]) -> Query:
    """Return the query with every node replaced by what the rule returns for it."""
    changed: Any = query.transform(rule)
    assert isinstance(changed, type(query))
    return changed


def engine() -> Engine:
    """Return the engine of the configured destination."""
    return engine_named(str(dlt.config.get(TYPE_SETTING) or DEFAULT_KIND))


def engine_of(owner: dlt.Pipeline | dlt.Dataset) -> Engine:
    """Return the engine that a pipeline or a dataset is on."""
    if isinstance(owner, dlt.Pipeline):
        return engine_named(str(owner.destination.destination_type).rpartition(".")[2])
    return engine_named(str(owner.destination_client.config.destination_type).rpartition(".")[2])


@cache
def engine_named(name: str) -> Engine:
    """Return the engine of a destination or of a SQL dialect, by dlt's name of it."""
    module = f"{__package__}.{name}"
    known = name.isidentifier() and find_spec(module) is not None
    return getattr(import_module(module), "ENGINE", Engine)(name) if known else Engine(name)
