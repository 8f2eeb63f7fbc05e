"""Folders of models for tests that need only a few models, or a broken one."""

import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml

from pipelines.transform import checks, runner
from pipelines.transform.parse import MODELS_DIR
from pipelines.transform.sql_file import read_sql_file
from pipelines.warehouse.table_names import input_tables

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
    """Write two layers, both incremental by day."""
    ids = ["user_id", "target_user_id", "workspace_id", "model_id", "object_id"]
    write_model(
        folder, "fct_events", FACTS, columns=["event_id", "event_day", *ids, "message", "checksum"], day="event_day"
    )
    columns = ["event_day", "user_id", "events"]
    key = ["event_day", "user_id"]
    write_model(folder, "users_a_day", USERS_A_DAY, columns=columns, key=key, nullable=["user_id"], day="event_day")
    return folder


def build_only(folder: Path, monkeypatch: Any) -> None:
    """Make `run`, `enrich` and `check` of this process build the models of a folder."""
    monkeypatch.setitem(runner.enrich.__kwdefaults__, "models_dir", folder)
    monkeypatch.setattr(checks.check, "__defaults__", (folder, None))


def with_models(*fixtures: str) -> Callable[..., Any]:
    """Run a test with the models of some fixtures, and with all models in `make test-variants`."""
    every = pytest.param("", id="all models", marks=pytest.mark.variant)

    def decorate(test: Any) -> Any:
        return pytest.mark.usefixtures("models")(
            pytest.mark.parametrize("models", [*fixtures, every], indirect=True)(test)
        )

    return decorate


def copy_models(folder: Path, names: tuple[str, ...]) -> Path:
    """Write some of the real models, with all that they inline and all seeds, but without relationships."""
    for layer in ("staging", "intermediate", "summaries", "seeds"):
        shutil.copytree(MODELS_DIR / layer, folder / layer)
    (folder / "marts").mkdir(parents=True)
    chosen = []
    for name in names:
        shutil.copy(MODELS_DIR / "marts" / f"{name}.sql", folder / "marts")
        chosen += yaml.safe_load((MODELS_DIR / "marts" / f"{name}.yml").read_text(encoding="utf-8"))["models"]
    _drop_readers_of(folder, {file.stem for file in (MODELS_DIR / "marts").glob("*.sql")} - {*names})
    for column in (column for entry in chosen for column in entry["columns"]):
        column["data_tests"] = [test for test in column.get("data_tests", ()) if "relationships" not in test]
    write_entries(folder, "marts", chosen)
    return folder


def _drop_readers_of(folder: Path, tables: set[str]) -> None:
    """Remove the files of intermediate and the summaries that read one of the tables."""
    for file in [*(folder / "summaries").glob("*.sql")]:
        if {table.name for table in input_tables(read_sql_file(file).query)} & tables:
            file.unlink()
            file.with_suffix(".yml").unlink()
            tables = {*tables, file.stem}
    inputs = {
        file: {table.name for table in input_tables(read_sql_file(file).query)}
        for file in (folder / "intermediate").glob("*.sql")
    }
    readers: set[str] = set()
    while found := {file.stem for file, read in inputs.items() if read & (tables | readers)} - readers:
        readers |= found
    for name in readers:
        (folder / "intermediate" / f"{name}.sql").unlink()
    kept = [entry for entry in read_entries(folder, "intermediate") if entry["name"] not in readers]
    write_entries(folder, "intermediate", kept)


def write_model(folder: Path, name: str, sql: str, **docs: Any) -> None:
    """Write one model of `marts`; its columns are described by their names."""
    file = folder / "marts" / f"{name}.sql"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(sql, encoding="utf-8")
    describe(folder, name.partition("/")[0], **docs)


def write_seed(folder: Path, name: str, rows: str, **docs: Any) -> Path:
    """Write one seed and return its file."""
    file = folder / "seeds" / f"{name}.csv"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(rows, encoding="utf-8")
    describe(folder, name, layer="seeds", **docs)
    return file


def describe(folder: Path, name: str, *, layer: str = "marts", **docs: Any) -> None:
    """Write the entry of a table in place of an older one."""
    (folder / layer).mkdir(parents=True, exist_ok=True)
    entries = [entry for entry in read_entries(folder, layer) if entry["name"] != name]
    write_entries(folder, layer, [*entries, _entry(name, **docs)])


def read_entries(folder: Path, layer: str = "marts") -> list[dict[str, Any]]:
    """Return the entries of the `.yml` file of a layer."""
    file = folder / layer / f"{layer}.yml"
    return (
        yaml.safe_load(file.read_text(encoding="utf-8"))["seeds" if layer == "seeds" else "models"]
        if file.exists()
        else []
    )


def write_entries(folder: Path, layer: str, entries: list[dict[str, Any]]) -> None:
    """Write the `.yml` file of a layer."""
    content = {"seeds" if layer == "seeds" else "models": entries}
    (folder / layer / f"{layer}.yml").write_text(yaml.safe_dump(content, sort_keys=False), encoding="utf-8")


def _entry(
    name: str,
    columns: Sequence[str] = ("id",),
    key: Sequence[str] = (),
    *,
    description: str = "",
    grain: str = "one row",
    day: str | None = None,
    nullable: Sequence[str] = (),
    types: dict[str, str] | None = None,
    tests: dict[str, list[Any]] | None = None,
) -> dict[str, Any]:
    config: dict[str, Any] = {"unique_key": list(key or columns[:1])}
    config |= {"partition_by": day} if day else {}
    config |= {"column_types": types} if types else {}
    config["meta"] = {"grain": grain, "nullable": list(nullable)}
    described = [{"name": one, "description": one, "data_tests": (tests or {}).get(one, [])} for one in columns]
    return {"name": name, "description": description or name, "config": config, "columns": described}
