"""Folders of models for tests that need only some of them, or a broken one."""

from pathlib import Path
from typing import Any

import yaml

from pipelines.model_files import MODELS_DIR

SHORT = ("fct_events", "agg_daily_usage")


def copy_models(folder: Path, names: tuple[str, ...] = SHORT) -> Path:
    """Some of the real models."""
    folder.mkdir(parents=True, exist_ok=True)
    about = yaml.safe_load((MODELS_DIR / "models.yml").read_text(encoding="utf-8"))
    for name in names:
        (folder / f"{name}.sql").write_text((MODELS_DIR / f"{name}.sql").read_text(encoding="utf-8"), encoding="utf-8")
    write_descriptions(folder, {name: {**about[name], "references": {}} for name in names})
    return folder


def write_model(folder: Path, name: str, sql: str, **about: Any) -> None:
    """One model; its columns are described by their names."""
    file = folder / f"{name}.sql"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(sql, encoding="utf-8")
    describe(folder, name.partition("/")[0], **about)


def describe(folder: Path, name: str, **about: Any) -> None:
    """An entry of models.yml."""
    descriptions = folder / "models.yml"
    known = yaml.safe_load(descriptions.read_text(encoding="utf-8")) if descriptions.exists() else {}
    columns = about.pop("columns", ["id"])
    key = about.pop("key", columns[:1])
    known[name] = {
        "description": name,
        "grain": "one row",
        "key": key,
        "columns": {column: column for column in columns},
        **about,
    }
    write_descriptions(folder, known)


def write_descriptions(folder: Path, descriptions: dict[str, Any]) -> None:
    (folder / "models.yml").write_text(yaml.safe_dump(descriptions, sort_keys=False), encoding="utf-8")
