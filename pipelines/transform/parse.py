"""Reads the models: SQL files, seed tables and what models.yml says about them.

`models/<table>.sql` is one table. A folder `models/<table>/` is one table too: the rows of all its
files, one below the other. `models/<table>.csv` is a small table that users edit. Everything is
DuckDB's dialect; nothing here talks to a database.
"""

import csv
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml
from sqlglot import exp
from sqlglot.dialects.dialect import Dialect
from sqlglot.errors import ParseError, SqlglotError

from pipelines.common.exit_codes import ModelError
from pipelines.common.names import DIALECT

from .strict_yaml import load_yaml

MODELS_DIR = Path(__file__).parent.parent / "models"
CHECKS_FOLDER = "checks"
LAYERS = ("staging", "intermediate", "marts", "findings", "seeds")

# What a column may be cast to, and what dlt calls it.
DLT_TYPES: dict[Any, str] = {
    exp.DataType.Type.VARCHAR: "text",
    exp.DataType.Type.TEXT: "text",
    exp.DataType.Type.BIGINT: "bigint",
    exp.DataType.Type.DOUBLE: "double",
    exp.DataType.Type.BOOLEAN: "bool",
    exp.DataType.Type.DATE: "date",
    exp.DataType.Type.TIMESTAMPTZ: "timestamp",
}
CAST_TYPES = "varchar, bigint, double, boolean, date, timestamptz"


@dataclass(frozen=True)
class Description:
    """What models.yml says about a table."""

    description: str
    grain: str
    key: tuple[str, ...]
    columns: dict[str, str]
    day: str | None = None
    optional: tuple[str, ...] = ()
    types: dict[str, str] = field(default_factory=dict)
    accepted: dict[str, list[str]] = field(default_factory=dict)
    references: dict[str, str] = field(default_factory=dict)

    @property
    def comment(self) -> str:
        """What the destination says about the table."""
        return f"{self.description} {self.grain[0].upper()}{self.grain[1:]}. Key: {', '.join(self.key)}."


@dataclass(frozen=True)
class Part:
    """One SQL file; `tokens` are the same for two texts that differ in comments and spaces only."""

    file: Path
    query: exp.Select
    tokens: tuple[str, ...] = field(repr=False)

    @property
    def inputs(self) -> frozenset[str]:
        return frozenset(table.name for table in input_tables(self.query))


@dataclass(frozen=True)
class Model:
    """A table built by SQL: one file, or the files of one folder."""

    name: str
    parts: tuple[Part, ...]
    columns: dict[str, str]
    about: Description

    @property
    def file(self) -> Path:
        return self.parts[0].file

    @property
    def inputs(self) -> frozenset[str]:
        return frozenset().union(*(part.inputs for part in self.parts))

    @property
    def query(self) -> exp.Select:
        """The whole model as one SELECT."""
        if len(self.parts) == 1:
            return self.parts[0].query.copy()
        columns = [exp.column(name) for name in self.columns]
        selects = [
            exp.select(*columns).from_(_with_own_names(part).subquery(f"part_{number}"))
            for number, part in enumerate(self.parts)
        ]
        rows = exp.union(*selects, distinct=False)
        typed = [
            exp.cast(exp.column(name, "parts"), _sql_type(data_type)).as_(name)
            for name, data_type in self.columns.items()
        ]
        return exp.select(*typed).from_(rows.subquery("parts"))


@dataclass(frozen=True)
class Seed:
    """A table whose rows are a CSV file beside the models."""

    name: str
    file: Path
    columns: dict[str, str]
    rows: list[dict[str, Any]]
    about: Description


def input_tables(query: exp.Expr) -> list[exp.Table]:
    """The tables that a query reads, without its own CTEs."""
    ctes = {cte.alias for cte in query.find_all(exp.CTE)}
    return [table for table in query.find_all(exp.Table) if table.name not in ctes]


def _with_own_names(part: Part) -> exp.Select:
    """The query of a part with its CTEs named after its file: Spark gets the CTEs of all parts in one list."""
    query = part.query.copy()
    names = {cte.alias: f"{part.file.stem}__{cte.alias}" for cte in query.find_all(exp.CTE)}
    for table in list(query.find_all(exp.Table)):
        if table.name in names:
            table.set("alias", exp.TableAlias(this=exp.to_identifier(table.alias_or_name)))
            table.set("this", exp.to_identifier(names[table.name]))
    for cte in query.find_all(exp.CTE):
        cte.args["alias"].set("this", exp.to_identifier(names[cte.alias]))
    return query


def line_of(node: exp.Expr) -> int | None:
    """The line where an expression is written, as far as the parser knows."""
    lines = [part.meta["line"] for part in node.find_all(exp.Identifier) if "line" in part.meta]
    return min(lines) if lines else None


def read_descriptions(models_dir: Path) -> dict[str, Description]:
    """models.yml, by table."""
    file = models_dir / "models.yml"
    try:
        entries = load_yaml(file.read_text(encoding="utf-8")) or {}
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else None
        raise ModelError(file, f"not valid YAML: {error.problem}", line) from error
    return {name: _description(file, name, entry) for name, entry in entries.items()}


def read_tables(models_dir: Path) -> list[Model | Seed]:
    """Every table of the folder, in the order of their names."""
    about = read_descriptions(models_dir)
    tables: dict[str, Model | Seed] = {}
    for path in sorted(_table_files(models_dir), key=lambda path: path.name):
        name = path.stem
        if not name.isidentifier() or name != name.lower():
            raise ModelError(path, f"`{name}` is no table name: use lower-case letters, digits and _")
        if name in tables:
            raise ModelError(path, f"the table `{name}` is already defined by {tables[name].file.name}")
        if name not in about:
            raise ModelError(path, f"models.yml has no entry `{name}`")
        tables[name] = _read_seed(path, about[name]) if path.suffix == ".csv" else _read_model(path, about[name])
    for name in about:
        if name not in tables:
            raise ModelError(models_dir / "models.yml", f"the entry `{name}` has no {name}.sql")
    return list(tables.values())


def _table_files(models_dir: Path) -> list[Path]:
    """Files and folders that are one table each."""
    folders = [models_dir, *(models_dir / layer for layer in LAYERS)]
    inside = [path for folder in folders if folder.is_dir() for path in folder.iterdir()]
    return [path for path in inside if path not in folders and path.name != CHECKS_FOLDER and _is_table(path)]


def _is_table(path: Path) -> bool:
    return path.suffix in (".sql", ".csv") or path.is_dir()


def _description(file: Path, name: str, entry: Any) -> Description:
    try:
        about = Description(**{**entry, "key": tuple(entry["key"]), "optional": tuple(entry.get("optional", ()))})
    except (TypeError, KeyError, AttributeError) as error:
        raise ModelError(file, f"the entry `{name}` needs description, grain, key and columns ({error})") from error
    for column in [*about.key, *about.optional, *([about.day] if about.day else [])]:
        if column not in about.columns:
            raise ModelError(file, f"`{name}`: the column `{column}` is not among its columns")
    return about


def _read_model(path: Path, about: Description) -> Model:
    files = sorted(path.glob("*.sql")) if path.is_dir() else [path]
    if not files:
        raise ModelError(path, "the folder holds no .sql file")
    parts = tuple(read_part(file) for file in files)
    columns = [_cast_columns(part) for part in parts]
    for part, names in zip(parts, columns, strict=False):
        if names != columns[0]:
            raise ModelError(
                part.file, f"columns or types differ from {files[0].name}: {_difference(names, columns[0])}"
            )
        undescribed = set(names) ^ set(about.columns)
        if undescribed:
            lines = [line_of(one) for one in part.query.selects if one.alias_or_name in undescribed]
            reason = f"columns of the SELECT and of models.yml differ: {', '.join(sorted(undescribed))}"
            raise ModelError(part.file, reason, lines[0] if lines else None)
    return Model(path.stem, parts, columns[0], about)


def read_part(file: Path) -> Part:
    """The one SELECT of a file."""
    try:
        statements, tokens = _parse(file.read_text(encoding="utf-8"))
    except (SqlglotError, UnicodeDecodeError) as error:
        first = error.errors[0] if isinstance(error, ParseError) and error.errors else {}
        raise ModelError(file, f"not valid SQL: {first.get('description', error)}", first.get("line")) from error
    if len(statements) != 1:
        raise ModelError(file, f"{len(statements)} statements: a file holds one SELECT", _line_of_second(file))
    query = statements[0]
    if not isinstance(query, exp.Select):
        raise ModelError(file, f"a {query.key} statement: a file holds one SELECT (wrap a UNION in a subquery)")
    return Part(file, query, tokens)


def _line_of_second(file: Path) -> int | None:
    """The line on which the second statement of a file begins."""
    tokens = Dialect.get_or_raise(DIALECT).tokenize(file.read_text(encoding="utf-8"))
    ends = [number for number, token in enumerate(tokens) if token.token_type.name == "SEMICOLON"]
    return tokens[ends[0] + 1].line if ends and len(tokens) > ends[0] + 1 else None


@lru_cache(maxsize=256)
def _parse(text: str) -> tuple[list[exp.Expr], tuple[str, ...]]:
    dialect = Dialect.get_or_raise(DIALECT)
    tokens = dialect.tokenize(text)
    statements = [one for one in dialect.parser().parse(tokens, text) if one]
    return statements, tuple(f"{token.token_type.name} {token.text}" for token in tokens)


def _cast_columns(part: Part) -> dict[str, str]:
    """Names and types of the final select: each column has to be `cast(... as type) as name`."""
    columns: dict[str, str] = {}
    for selected in part.query.selects:
        name, value = selected.alias_or_name, selected.unalias()
        line = line_of(selected)
        if not isinstance(value, exp.Cast):
            raise ModelError(part.file, f"`{selected.sql(DIALECT)}` has no type: write cast(... as type) as name", line)
        data_type = DLT_TYPES.get(value.to.this)
        if data_type is None:
            raise ModelError(part.file, f"`{name}` is cast to {value.to.sql(DIALECT)}: use one of {CAST_TYPES}", line)
        if not isinstance(selected, exp.Alias) or name in columns:
            reason = f"column `{name}` is there twice" if name in columns else "a cast without `as name`"
            raise ModelError(part.file, reason, line)
        columns[name] = data_type
    return columns


def _read_seed(path: Path, about: Description) -> Seed:
    columns = {name: about.types.get(name, "text") for name in about.columns}
    with path.open(encoding="utf-8", newline="") as lines:
        reader = csv.DictReader(lines, strict=True)
        if list(reader.fieldnames or []) != list(columns):
            raise ModelError(path, f"the header has to be {','.join(columns)}", 1)
        rows = [
            {name: _seed_value(path, reader.line_num, columns[name], row[name]) for name in columns} for row in reader
        ]
    return Seed(path.stem, path, columns, rows, about)


def _seed_value(path: Path, line: int, data_type: str, text: str | None) -> str | int | None:
    if text is None or text == "":
        return None
    if data_type == "bigint":
        try:
            return int(text)
        except ValueError as error:
            raise ModelError(path, f"`{text}` is not a whole number", line) from error
    return text


def _sql_type(data_type: str) -> exp.DataType:
    names = {"text": "varchar", "bool": "boolean", "timestamp": "timestamptz"}
    return exp.DataType.build(names.get(data_type, data_type), dialect=DIALECT)


def _difference(one: dict[str, str], other: dict[str, str]) -> str:
    differing = [name for name in {**other, **one} if one.get(name) != other.get(name)]
    return ", ".join(differing) or "their order"
