"""Read the `.yml` files beside the models: what every table is, its key, its day and its tests, in dbt's words."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from pipelines.common.exit_codes import ModelError

from .strict_yaml import load_yaml

_ENTRY_KEYS = {"name", "description", "config", "columns"}
_CONFIG_KEYS = {"unique_key", "partition_by", "column_types", "meta"}
_META_KEYS = {"grain", "nullable", "summary", "days"}
# What a summary is brought up to date from, and which days an inlined file reads.
TOUCHED, RECENT = "touched_days", "recent_days"
_COLUMN_KEYS = {"name", "description", "data_tests", "tests"}
_TYPES = {"bigint": "bigint", "varchar": "text"}


@dataclass(frozen=True)
class TableDocs:
    """What a `.yml` file says about a table; `file` is that file.

    `summary` marks a table that tells something of all days and is brought up to date from some: see `summaries.py`.
    `recent` marks an inlined file that reads the recent days only, in every run.
    """

    file: Path
    description: str
    grain: str
    key: tuple[str, ...]
    columns: dict[str, str]
    day: str | None = None
    nullable: tuple[str, ...] = ()
    types: dict[str, str] = field(default_factory=dict)
    unique: tuple[str, ...] = ()
    not_null: tuple[str, ...] = ()
    accepted_values: dict[str, list[str]] = field(default_factory=dict)
    relationships: dict[str, str] = field(default_factory=dict)
    summary: str | None = None
    recent: bool = False

    @property
    def comment(self) -> str:
        """Return the comment that the destination shows for the table."""
        return f"{self.description} {self.grain[0].upper()}{self.grain[1:]}. Key: {', '.join(self.key)}."


def read_docs(folder: Path) -> dict[str, TableDocs]:
    """Return the entries of all `.yml` files of one folder, by table.

    Raises:
        ModelError: A file is not valid YAML, or an entry is incomplete.
    """
    found: dict[str, TableDocs] = {}
    for file in sorted(folder.glob("*.yml")):
        for entry in _entries(file):
            docs = _docs(file, entry)
            if entry["name"] in found:
                raise ModelError(file, f"the entry `{entry['name']}` occurs twice")
            found[entry["name"]] = docs
    return found


def _entries(file: Path) -> list[Any]:
    try:
        content = load_yaml(file.read_text(encoding="utf-8")) or {}
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else None
        raise ModelError(file, f"not valid YAML: {error.problem}", line) from error
    if not isinstance(content, dict) or set(content) - {"version", "models", "seeds"}:
        raise ModelError(file, "holds something other than `version`, `models` and `seeds`")
    return [*(content.get("models") or ()), *(content.get("seeds") or ())]


def _docs(file: Path, entry: Any) -> TableDocs:
    name = entry.get("name") if isinstance(entry, dict) else None
    try:
        _refuse_unknown(entry, _ENTRY_KEYS)
        config = entry.get("config") or {}
        meta = config.get("meta") or {}
        _refuse_unknown(config, _CONFIG_KEYS)
        _refuse_unknown(meta, _META_KEYS)
        columns = {column["name"]: column for column in entry.get("columns") or ()}
        for column in columns.values():
            _refuse_unknown(column, _COLUMN_KEYS)
        docs = TableDocs(
            file,
            entry["description"],
            meta["grain"],
            _names(config["unique_key"]),
            {column: about["description"] for column, about in columns.items()},
            config.get("partition_by"),
            _names(meta.get("nullable") or ()),
            {column: _TYPES[kind] for column, kind in (config.get("column_types") or {}).items()},
            **_column_tests(columns.values()),
            summary=_one_of(meta.get("summary"), TOUCHED, RECENT),
            recent=_one_of(meta.get("days"), RECENT) is not None,
        )
    except (TypeError, KeyError, AttributeError, ValueError) as error:
        reason = f"the entry `{name}` needs description, grain, unique_key and columns ({error})"
        raise ModelError(file, reason) from error
    for column in [*docs.key, *docs.nullable, *docs.types, *([docs.day] if docs.day else [])]:
        if docs.columns and column not in docs.columns:
            raise ModelError(file, f"`{name}`: the column `{column}` is not among its columns")
    return docs


def _names(value: "str | Iterable[str]") -> tuple[str, ...]:
    return (value,) if isinstance(value, str) else tuple(value)


def _one_of(value: str | None, *known: str) -> str | None:
    if value is not None and value not in known:
        raise ValueError(f"`{value}` is not one of {', '.join(known)}")
    return value


def _refuse_unknown(mapping: dict[str, Any], known: set[str]) -> None:
    unknown = sorted(set(mapping) - known)
    if unknown:
        raise ValueError(f"unknown key `{unknown[0]}`")


def _column_tests(columns: Iterable[dict[str, Any]]) -> dict[str, Any]:
    """Return the tests of all columns by kind: a name, or a name with arguments, as dbt writes them."""
    unique, not_null = [], []
    accepted_values: dict[str, list[str]] = {}
    relationships: dict[str, str] = {}
    for column in columns:
        for test in column.get("data_tests") or column.get("tests") or ():
            kind, arguments = (test, {}) if isinstance(test, str) else next(iter(test.items()))
            arguments = arguments.get("arguments", arguments)
            if kind == "unique":
                unique.append(column["name"])
            elif kind == "not_null":
                not_null.append(column["name"])
            elif kind == "accepted_values":
                accepted_values[column["name"]] = arguments["values"]
            elif kind == "relationships":
                relationships[column["name"]] = f"{_referred(arguments['to'])}.{arguments['field']}"
            else:
                raise ValueError(f"unknown test `{kind}`")
    return {
        "unique": tuple(unique),
        "not_null": tuple(not_null),
        "accepted_values": accepted_values,
        "relationships": relationships,
    }


def _referred(text: str) -> str:
    found = re.fullmatch(r"ref\('(\w+)'\)", text)
    if not found:
        raise ValueError(f"`to: {text}` is not ref('table')")
    return found[1]
