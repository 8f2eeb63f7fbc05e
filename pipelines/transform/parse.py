"""Turn the files of the models into tables with typed columns and complete queries. No database is needed."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from sqlglot import exp

from audit_source import schema
from pipelines.common.exit_codes import ModelError
from pipelines.warehouse.table_names import input_tables

from .column_types import Columns, column_types, typed
from .folders import Definition, read_folders
from .inline import inlined, read_order, rows_as_query, union_of
from .seeds import Seed
from .sql_file import SqlFile, line_of
from .table_docs import TableDocs
from .validate import check_inputs

MODELS_DIR = Path(__file__).parent.parent / "models"
CHECKS_FOLDER = "checks"


@dataclass(frozen=True)
class Inlined:
    """A file of staging or intermediate, or a summary: it becomes a CTE of each query that reads it."""

    name: str
    sql_file: SqlFile
    columns: Columns
    docs: TableDocs

    @property
    def only_renames(self) -> bool:
        """Whether it reads one table and returns its rows one by one."""
        query = self.sql_file.query
        steps = query.find(
            exp.Join, exp.Group, exp.Window, exp.AggFunc, exp.Distinct, exp.With, exp.Subquery, exp.Union
        )
        return steps is None


@dataclass(frozen=True)
class Model:
    """A table built by SQL: one file, or the files of one folder.

    `inlines` are the files that its query contains, in reading order. `inputs` are the tables that it is computed from;
    of those, the rows of `seeds` are part of the query itself.
    """

    name: str
    files: tuple[SqlFile, ...]
    columns: Columns
    docs: TableDocs
    inlines: tuple[Inlined, ...] = field(repr=False)
    inputs: frozenset[str]
    seeds: tuple[Seed, ...] = field(repr=False)

    @property
    def stored_inputs(self) -> frozenset[str]:
        """Return the tables that the query scans."""
        return self.inputs - {one.name for one in self.seeds}

    @property
    def file(self) -> Path:
        """The first SQL file."""
        return self.files[0].file

    @property
    def query(self) -> exp.Select:
        """Return the whole model as one SELECT, built anew each time: many runs need none."""
        parts = {one.file.stem: one.query for one in self.files}
        query = union_of(parts, self.columns) if len(parts) > 1 else self.files[0].query
        return inlined(typed(query, self.columns), self._bodies)

    @property
    def query_by_name(self) -> exp.Select:
        """Return the same rows through a CTE that is called like the model, as in a query that inlines the model."""
        body = typed(self.files[0].query, self.columns)
        query = exp.select(*(exp.column(name) for name in self.columns)).from_(self.name)
        return inlined(typed(query, self.columns), {**self._bodies, self.name: body})

    @property
    def _bodies(self) -> dict[str, exp.Select]:
        seeds = {one.name: rows_as_query(one.columns, one.rows) for one in self.seeds}
        return {**seeds, **{one.name: one.sql_file.query for one in self.inlines}}


@dataclass(frozen=True)
class Models:
    """All tables, and all files that are inlined, by name."""

    tables: dict[str, "Model | Seed"]
    inlined: dict[str, Inlined]


def raw_schema() -> dict[str, Columns]:
    """Return the columns of the raw tables, with dlt's types, as a load creates them."""
    return {table.name: {one.name: one.data_type for one in table.all_columns} for table in schema.TABLES}


def read_tables(models_dir: Path = MODELS_DIR) -> list[Model | Seed]:
    """Return every table of the folders, in the order of their names, for the raw tables that a load creates."""
    return list(read_models(models_dir).tables.values())


def read_models(models_dir: Path = MODELS_DIR, raw_tables: Mapping[str, Columns] | None = None) -> Models:
    """Return every table and every inlined file, in the order of their names.

    `raw_tables` are the columns (name, dlt type) of the raw dataset; by default those that a load creates.

    Raises:
        ModelError: A file or an entry is invalid.
    """
    raw_tables = raw_schema() if raw_tables is None else raw_tables
    definitions, seeds = read_folders(models_dir, raw_tables)
    columns = _Columns(definitions, {**raw_tables, **{name: seed.columns for name, seed in seeds.items()}})
    for name in sorted(definitions):
        columns.resolve(name, [])
    files = {
        name: Inlined(name, one.files[0], columns.known[name], one.docs)
        for name, one in sorted(definitions.items())
        if one.is_inlined or one.docs.summary
    }
    tables: dict[str, Model | Seed] = {**seeds}
    for name, one in definitions.items():
        if not one.is_inlined:
            tables[name] = _model(name, one, columns.known[name], files, seeds, frozenset(raw_tables))
    return Models({name: tables[name] for name in sorted(tables)}, files)


class _Columns:
    """Finds the columns of each definition, inputs first; `known` holds those found so far."""

    def __init__(self, definitions: Mapping[str, Definition], known: dict[str, Columns]) -> None:
        self._definitions, self.known = definitions, known
        self._names = {**known, **definitions}

    def resolve(self, name: str, path: list[str]) -> None:
        """Find the columns of one definition; `path` are the names that led to it."""
        if name in path:
            raise self._cycle([*path[path.index(name) :], name])
        if name in self.known or name not in self._definitions:
            return
        definition = self._definitions[name]
        for one in definition.files:
            check_inputs(one, self._names)
        for read in sorted(definition.inputs):
            self.resolve(read, [*path, name])
        self.known[name] = self._of(definition)

    def _of(self, definition: Definition) -> Columns:
        files, docs = definition.files, definition.docs
        columns = [column_types(one, self.known, stars=definition.is_inlined) for one in files]
        for one, found in zip(files, columns, strict=True):
            if found != columns[0]:
                difference = _difference(found, columns[0])
                raise ModelError(one.file, f"columns or types differ from {files[0].file.name}: {difference}")
            undescribed = set(found) ^ set(docs.columns)
            if undescribed and not (definition.is_inlined and not docs.columns):
                lines = [line_of(selected) for selected in one.query.selects if selected.alias_or_name in undescribed]
                reason = f"columns of the SELECT and of {docs.file.name} differ: {', '.join(sorted(undescribed))}"
                raise ModelError(one.file, reason, lines[0] if lines else None)
        return columns[0]

    def _cycle(self, path: list[str]) -> ModelError:
        files = self._definitions[path[0]].files
        tables = [(one.file, table) for one in files for table in input_tables(one.query)]
        file, line = next((file, line_of(table)) for file, table in tables if table.name == path[1])
        return ModelError(file, f"a cycle: {' -> '.join(path)}", line)


def _model(
    name: str,
    definition: Definition,
    columns: Columns,
    files: Mapping[str, Inlined],
    seeds: Mapping[str, Seed],
    raw_tables: frozenset[str],
) -> Model:
    reads = {**{one.name: one.sql_file.inputs for one in files.values()}, name: definition.inputs}
    inlines = [files[one] for one in read_order(name, reads, only=files.keys())]
    inputs = definition.inputs.union(*(one.sql_file.inputs for one in inlines)) - files.keys()
    # Seeds are tables of the enriched dataset, and one query reads one dataset.
    values = [seeds[one] for one in sorted(inputs & seeds.keys())] if inputs & raw_tables else []
    return Model(name, definition.files, columns, definition.docs, tuple(inlines), inputs, tuple(values))


def _difference(one: Columns, other: Columns) -> str:
    differing = [name for name in {**other, **one} if one.get(name) != other.get(name)]
    return ", ".join(differing) or "their order"
