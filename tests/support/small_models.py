"""Folders of models for tests that need only some of them, or a broken one."""

from pathlib import Path
from typing import Any

import yaml

from pipelines.transform.parse import MODELS_DIR

# Facts that can be enriched in a moment: as many rows as events, the ids that directory changes are looked up by.
FACTS = """
select
    cast(id as bigint) as event_id,
    cast(event_day as date) as event_day,
    cast(lower(user_id) as varchar) as user_id,
    cast(additional_attributes__target_user_id as varchar) as target_user_id,
    cast(additional_attributes__workspace_id as varchar) as workspace_id,
    cast(additional_attributes__model_id as varchar) as model_id,
    cast(lower(object_id) as varchar) as object_id,
    cast(message as varchar) as message,
    cast(checksum as varchar) as checksum
from events
"""
USERS_A_DAY = """
select
    cast(event_day as date) as event_day,
    cast(user_id as varchar) as user_id,
    cast(count(*) as bigint) as events
from fct_events
group by event_day, user_id
"""


def write_short_models(folder: Path) -> Path:
    """Two layers, both written by day."""
    ids = ["user_id", "target_user_id", "workspace_id", "model_id", "object_id"]
    write_model(
        folder, "fct_events", FACTS, columns=["event_id", "event_day", *ids, "message", "checksum"], day="event_day"
    )
    columns = ["event_day", "user_id", "events"]
    key = {"key": ["event_day", "user_id"], "optional": ["user_id"], "day": "event_day"}
    write_model(folder, "users_a_day", USERS_A_DAY, columns=columns, **key)
    return folder


def copy_models(folder: Path, names: tuple[str, ...]) -> Path:
    """Some of the real models."""
    folder.mkdir(parents=True, exist_ok=True)
    about = yaml.safe_load((MODELS_DIR / "models.yml").read_text(encoding="utf-8"))
    for name in names:
        (folder / f"{name}.sql").write_text((MODELS_DIR / "marts" / f"{name}.sql").read_text(encoding="utf-8"), encoding="utf-8")
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
