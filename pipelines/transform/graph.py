"""Put the models in order and refuse those that cannot be built.

A model of the raw tables belongs to the first layer; every other one comes a layer after the last of its inputs. Tables
of one layer are built by one run, so a model never reads a table of its own layer. Summaries are stored in the last
layer, whatever they read: see `summaries.py`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from pipelines.common.exit_codes import ModelError

from .column_types import Columns
from .parse import MODELS_DIR, Inlined, Model, read_models
from .seeds import Seed
from .summaries import combining_functions
from .validate import check_clock, check_columns

# The raw tables that are partitioned by day, and their day column.
RAW_DAYS = {"events": "event_day", "model_history": "change_day"}


@dataclass(frozen=True)
class Enrichment:
    """All tables to build: seeds with the first layer, then layer after layer."""

    seeds: tuple[Seed, ...]
    layers: tuple[tuple[Model, ...], ...]
    inlined: Mapping[str, Inlined]
    raw_tables: Mapping[str, Columns]

    @property
    def models(self) -> dict[str, Model]:
        """Return the models by name, in the order in which they are built."""
        return {model.name: model for layer in self.layers for model in layer}

    @property
    def tables(self) -> dict[str, "Model | Seed"]:
        """Return the seeds and models by name."""
        return {**{seed.name: seed for seed in self.seeds}, **self.models}

    @property
    def columns(self) -> dict[str, Columns]:
        """Return the columns of every raw table, inlined file and table."""
        named = {**self.inlined, **self.tables}
        return {**self.raw_tables, **{name: one.columns for name, one in named.items()}}

    def day_column(self, table: str) -> str | None:
        """Return the day column of an input, None where the input is replaced as a whole."""
        model = self.models.get(table)
        return model.docs.day if model else RAW_DAYS.get(table)


def read_enrichment(
    raw_tables: Mapping[str, Columns], models_dir: Path = MODELS_DIR, *, validate: bool = True
) -> Enrichment:
    """Read every model; `raw_tables` are the columns (name, dlt type) of the raw dataset.

    `validate` calls `check_models` too, which takes most of the time.

    Raises:
        ModelError: A model cannot be built.
    """
    # Only files: the lock of an editor is a link to nothing.
    files = tuple((str(path), *_version_of(path)) for path in sorted(models_dir.rglob("*")) if path.is_file())
    columns = tuple((name, tuple(types.items())) for name, types in raw_tables.items())
    enrichment = _read(columns, models_dir, files)
    if validate:
        check_models(enrichment)
    return enrichment


def _version_of(path: Path) -> tuple[int, int]:
    status = path.stat()
    return status.st_mtime_ns, status.st_size


# A run reads the models for the enrichment and for the checks. Nobody changes what is read: queries are copied.
@lru_cache(maxsize=2)
def _read(
    raw_columns: tuple[tuple[str, tuple[tuple[str, str], ...]], ...], models_dir: Path, files: tuple[Any, ...]
) -> Enrichment:
    """Return what is read; `files` are the versions of all files, so that a changed file is read again."""
    raw_tables: Mapping[str, Columns] = {name: dict(types) for name, types in raw_columns}
    read = read_models(models_dir, raw_tables)
    seeds = tuple(table for table in read.tables.values() if isinstance(table, Seed))
    models = {name: table for name, table in read.tables.items() if isinstance(table, Model)}
    known = {**raw_tables, **{name: table.columns for name, table in read.tables.items()}}
    for table in read.tables.values():
        _check_relationships(table, known)
    for model in models.values():
        _check_one_dataset(model, raw_tables)
    return Enrichment(seeds, _layers(models, raw_tables), read.inlined, raw_tables)


def check_models(enrichment: Enrichment) -> None:
    """Refuse unknown columns, the clock, and models by day that read tables without days.

    Raises:
        ModelError: A model cannot be built.
    """
    known, seeds = enrichment.columns, {seed.name for seed in enrichment.seeds}
    models = enrichment.models.values()
    for model in models:
        _check_days(model, enrichment, seeds)
        if model.docs.summary:
            combining_functions(model)
            _check_readers(model, enrichment)
    for sql_file in [
        *(one.sql_file for one in enrichment.inlined.values()),
        *(one for model in models for one in model.files),
    ]:
        check_clock(sql_file)
        check_columns(sql_file, known)


def _check_relationships(table: Model | Seed, known: Mapping[str, Columns]) -> None:
    name = table.docs.file.name
    for column, reference in table.docs.relationships.items():
        parent, _, parent_column = reference.partition(".")
        if parent_column not in known.get(parent, {}):
            raise ModelError(table.file, f"{name}: the relationship {column}: {reference} names no known column")


def _check_one_dataset(model: Model, raw_tables: Mapping[str, Columns]) -> None:
    raw = sorted(name for name in model.inputs if name in raw_tables)
    enriched = sorted(model.stored_inputs - set(raw))
    if raw and enriched:
        raise ModelError(
            model.file, f"reads raw ({', '.join(raw)}) and enriched tables ({', '.join(enriched)}): use one kind"
        )


def _check_days(model: Model, enrichment: Enrichment, seeds: "set[str]") -> None:
    """Refuse a model by day that reads a table whose older rows can change while its older days stay."""
    day = model.docs.day
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
                f" its older days would keep outdated rows. Drop `partition_by` in {model.docs.file.name}",
            )


def _check_readers(summary: Model, enrichment: Enrichment) -> None:
    """Refuse others that read a file of staging from which a summary gets its days: it reads other days than they."""
    own = {one.name for one in summary.inlines if any(enrichment.day_column(table) for table in one.sql_file.inputs)}
    of_summary = {summary.name, *(one.name for one in summary.inlines)}
    readers = [one.sql_file for one in enrichment.inlined.values() if one.name not in of_summary]
    readers += [file for one in enrichment.models.values() if one is not summary for file in one.files]
    for reader in readers:
        for name in sorted(own & reader.inputs):
            raise ModelError(reader.file, f"reads `{name}`, which only the summary `{summary.name}` may read")


def _layers(models: Mapping[str, Model], raw_tables: Mapping[str, Columns]) -> tuple[tuple[Model, ...], ...]:
    depths: dict[str, int] = {}

    def depth(name: str) -> int:
        if name not in models:
            return 0 if name in raw_tables else 1
        if name not in depths:
            model = models[name]
            # A model that reads nothing belongs to no raw dataset, so it is not run in the first layer.
            depths[name] = 1 + max((depth(one) for one in sorted(model.stored_inputs)), default=1)
        return depths[name]

    for name in sorted(models):
        depth(name)
    count = max(depths.values(), default=0)
    depths.update({name: count for name, model in models.items() if model.docs.summary})
    return tuple(
        tuple(models[name] for name in sorted(models) if depths[name] == number) for number in range(1, count + 1)
    )
