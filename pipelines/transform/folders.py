"""Read the folders of the models: which SQL files, seeds and descriptions there are. Types are found in `parse.py`.

`staging/` and `intermediate/` hold SQL files that are inlined as CTEs. Every `.sql` file of `marts/` and `findings/` is
one table; a folder in them is one table too, with the rows of all its files. `summaries/` holds tables that are inlined
too (`summaries.py`). Every `.csv` file of `seeds/` is a small table that users edit. The `.yml` files of a folder
describe its tables; in `marts/` and `summaries/`, each table has its own. `checks/` is read by `checks.py`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from pipelines.common.exit_codes import ModelError

from .column_types import Columns
from .seeds import Seed, read_seed
from .sql_file import SqlFile, read_sql_file
from .table_docs import TableDocs, read_docs

INLINED_FOLDERS = ("staging", "intermediate")
TABLE_FOLDERS = ("summaries", "marts", "findings", "seeds")
RESERVED_NAMES = ("check_results",)


@dataclass(frozen=True)
class Definition:
    """A table or an inlined file as it is written, before the types of its columns are known."""

    path: Path
    files: tuple[SqlFile, ...]
    docs: TableDocs
    is_inlined: bool

    @cached_property
    def inputs(self) -> frozenset[str]:
        """The names that the files read."""
        return frozenset[str]().union(*(one.inputs for one in self.files))


def read_folders(models_dir: Path, raw_tables: Mapping[str, Columns]) -> tuple[dict[str, Definition], dict[str, Seed]]:
    """Return the tables and inlined files that SQL defines, and the seeds, by name.

    Raises:
        ModelError: A file is invalid, has no entry or an unsuitable name, or an entry has no file.
    """
    definitions: dict[str, Definition] = {}
    seeds: dict[str, Seed] = {}
    for folder in (*INLINED_FOLDERS, *TABLE_FOLDERS):
        docs = read_docs(models_dir / folder)
        paths = _table_paths(models_dir / folder)
        for path in paths:
            name = path.stem
            other = (
                definitions[name].files[0].file if name in definitions else seeds[name].file if name in seeds else None
            )
            _check_name(path, other, raw_tables)
            if name not in docs:
                raise ModelError(path, f"no .yml file of `{folder}` has an entry `{name}`")
            if path.suffix == ".csv":
                seeds[name] = read_seed(path, docs[name])
            else:
                definitions[name] = Definition(path, _sql_files(path), docs[name], folder in INLINED_FOLDERS)
        for name in sorted(set(docs) - {path.stem for path in paths}):
            raise ModelError(docs[name].file, f"the entry `{name}` has no {name}.sql")
    return definitions, seeds


def _table_paths(folder: Path) -> list[Path]:
    paths = sorted(folder.iterdir()) if folder.is_dir() else []
    return [path for path in paths if path.suffix in (".sql", ".csv") or (path.is_dir() and path.name[0] not in "._")]


def _check_name(path: Path, other: Path | None, raw_tables: Mapping[str, Columns]) -> None:
    name = path.stem
    if not name.isidentifier() or name != name.lower():
        raise ModelError(path, f"`{name}` is not a table name: use lower-case letters, digits and _")
    if other:
        raise ModelError(path, f"the table `{name}` is already defined by {other.name}")
    if name in raw_tables or name in RESERVED_NAMES:
        raise ModelError(path, f"`{name}` is the name of another table")


def _sql_files(path: Path) -> tuple[SqlFile, ...]:
    files = sorted(path.glob("*.sql")) if path.is_dir() else [path]
    if not files:
        raise ModelError(path, "the folder holds no .sql file")
    return tuple(read_sql_file(file) for file in files)
