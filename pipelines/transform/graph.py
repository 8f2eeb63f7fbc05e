"""Puts the models in order and refuses those that cannot be built.

A model of the raw tables belongs to the first layer; every other one comes a layer after the last of
its inputs. Tables of one layer are built by one run, so a model never reads a table of its own layer.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from sqlglot import exp
from sqlglot.errors import OptimizeError, SchemaError
from sqlglot.optimizer.qualify import qualify

from pipelines.common.exit_codes import ModelError
from pipelines.common.names import DIALECT

from .parse import MODELS_DIR, Model, Part, Seed, input_tables, line_of, read_tables

# The raw tables that are partitioned by day, and the column that tells the day.
RAW_DAYS = {"events": "event_day"}
RESERVED_NAMES = ("check_results",)

# A model that reads the clock gives another result each time it is run.
_CLOCK = (
    exp.CurrentDate,
    exp.CurrentTime,
    exp.CurrentTimestamp,
    exp.CurrentTimestampLTZ,
    exp.CurrentDatetime,
    exp.Rand,
)

Columns = Mapping[str, str]


@dataclass(frozen=True)
class Enrichment:
    """All tables to build: seeds with the first layer, then layer after layer."""

    seeds: tuple[Seed, ...]
    layers: tuple[tuple[Model, ...], ...]
    raw_tables: Mapping[str, Columns]

    @property
    def models(self) -> dict[str, Model]:
        return {model.name: model for layer in self.layers for model in layer}

    @property
    def tables(self) -> dict[str, "Model | Seed"]:
        return {**{seed.name: seed for seed in self.seeds}, **self.models}

    def day_column(self, table: str) -> str | None:
        """The day column of an input, None where it is rewritten as a whole."""
        model = self.models.get(table)
        return model.about.day if model else RAW_DAYS.get(table)


def read_enrichment(
    raw_tables: Mapping[str, Columns], models_dir: Path = MODELS_DIR, *, validate: bool = True
) -> Enrichment:
    """Reads every model; `raw_tables` are the columns (name, dlt type) of the raw dataset.

    `validate` tells whether `check_models` is called too, which takes most of the time.

    Raises:
        ModelError: A model cannot be built.
    """
    tables = read_tables(models_dir)
    seeds = tuple(table for table in tables if isinstance(table, Seed))
    models = {table.name: table for table in tables if isinstance(table, Model)}
    known: dict[str, Columns] = {**raw_tables, **{table.name: table.columns for table in tables}}
    for table in tables:
        if table.name in raw_tables or table.name in RESERVED_NAMES:
            raise ModelError(table.file, f"`{table.name}` is the name of another table")
        _check_references(table, known)
    for model in models.values():
        for part in model.parts:
            check_inputs(part, known)
        _check_one_dataset(model, raw_tables)
    enrichment = Enrichment(seeds, _layers(models, raw_tables), raw_tables)
    if validate:
        check_models(enrichment)
    return enrichment


def check_models(enrichment: Enrichment) -> None:
    """Refuses columns that no input has, the clock, and days whose rows would come to lie about older days.

    Raises:
        ModelError: A model cannot be built.
    """
    known = {**enrichment.raw_tables, **{name: table.columns for name, table in enrichment.tables.items()}}
    for model in enrichment.models.values():
        _check_days(model, enrichment, {seed.name for seed in enrichment.seeds})
        for part in model.parts:
            _check_clock(part)
            check_columns(part, known)


def _check_references(table: Model | Seed, known: Mapping[str, Columns]) -> None:
    for column, reference in table.about.references.items():
        parent, _, parent_column = reference.partition(".")
        if column not in table.columns or parent_column not in known.get(parent, {}):
            raise ModelError(table.file, f"models.yml: the reference {column}: {reference} names no known columns")
    for column in table.about.accepted:
        if column not in table.columns:
            raise ModelError(table.file, f"models.yml: `accepted` names `{column}`, which is no column")


def check_inputs(part: Part, known: Mapping[str, Columns]) -> None:
    """Refuses what is no known table, and names that could mean two things."""
    for cte in part.query.find_all(exp.CTE):
        if cte.alias in known:
            raise ModelError(part.file, f"`{cte.alias}` is a table: give the CTE another name", line_of(cte))
    for table in input_tables(part.query):
        if table.args.get("db"):
            raise ModelError(part.file, f"`{table.sql(DIALECT)}`: name the table without its dataset", line_of(table))
        if table.name not in known:
            raise ModelError(part.file, f"unknown table `{table.name}`", line_of(table))


def check_columns(part: Part, known: Mapping[str, Columns]) -> None:
    """Refuses columns that no input has, or more than one."""
    schema: dict[str, object] = {
        table: {name: sqlglot_type(kind) for name, kind in known[table].items()} for table in part.inputs
    }
    try:
        qualify(part.query.copy(), schema=schema, dialect=DIALECT, validate_qualify_columns=True)
    except (OptimizeError, SchemaError) as error:
        message, _, position = str(error).partition(" Line: ")
        line = position.partition(",")[0]
        raise ModelError(part.file, message, int(line) if line.isdigit() else _line_of_column(part, message)) from error


def _line_of_column(part: Part, message: str) -> int | None:
    """The first line of the column that a message ends with."""
    name = message.split()[-1].strip("'\"")
    lines = [line_of(column) for column in part.query.find_all(exp.Column) if column.name == name]
    return min((line for line in lines if line), default=None)


def _check_clock(part: Part) -> None:
    clock = part.query.find(*_CLOCK)
    if clock:
        raise ModelError(part.file, f"`{clock.sql(DIALECT)}`: a model may not depend on the moment it is run")


def _check_one_dataset(model: Model, raw_tables: Mapping[str, Columns]) -> None:
    raw = sorted(name for name in model.inputs if name in raw_tables)
    enriched = sorted(model.inputs - set(raw))
    if raw and enriched:
        raise ModelError(
            model.file, f"reads raw ({', '.join(raw)}) and enriched tables ({', '.join(enriched)}): use one kind"
        )


def _check_days(model: Model, enrichment: Enrichment, seeds: "set[str]") -> None:
    """A model written by day may read only what cannot change under its older days."""
    day = model.about.day
    if day is None:
        return
    if model.columns[day] != "date":
        raise ModelError(model.file, f"the day column `{day}` has to be cast to date")
    if not any(enrichment.day_column(name) for name in model.inputs):
        raise ModelError(model.file, "has a day, but reads no table that is written by day")
    for name in sorted(model.inputs - set(enrichment.raw_tables) - seeds):
        if not enrichment.day_column(name):
            raise ModelError(
                model.file,
                f"is written by day but reads `{name}`, which is replaced as a whole:"
                " its older days would keep what that table once held. Drop `day` in models.yml",
            )


def _layers(models: Mapping[str, Model], raw_tables: Mapping[str, Columns]) -> tuple[tuple[Model, ...], ...]:
    depths: dict[str, int] = {}

    def depth(name: str, path: list[str]) -> int:
        if name in path:
            raise _cycle(models[name], [*path[path.index(name) :], name])
        if name not in models:
            return 0 if name in raw_tables else 1
        if name not in depths:
            inputs = sorted(models[name].inputs)
            # A model that reads nothing has no raw table to be run beside.
            depths[name] = 1 + max((depth(one, [*path, name]) for one in inputs), default=1)
        return depths[name]

    for name in sorted(models):
        depth(name, [])
    count = max(depths.values(), default=0)
    return tuple(
        tuple(models[name] for name in sorted(models) if depths[name] == number) for number in range(1, count + 1)
    )


def _cycle(model: Model, path: list[str]) -> ModelError:
    tables = [(part.file, table) for part in model.parts for table in input_tables(part.query)]
    file, line = next((file, line_of(table)) for file, table in tables if table.name == path[1])
    return ModelError(file, f"a cycle: {' -> '.join(path)}", line)


def sqlglot_type(data_type: str) -> str:
    types = {"bool": "boolean", "timestamp": "timestamptz", "double": "double", "bigint": "bigint", "date": "date"}
    return types.get(data_type, "varchar")
