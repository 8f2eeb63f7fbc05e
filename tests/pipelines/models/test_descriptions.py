"""The comment that a model begins with says what the yml file says, and what the model reads."""

import re

import pytest

from pipelines.transform.parse import MODELS_DIR, Inlined, Model, read_models
from pipelines.transform.sql_file import SqlFile

READ = read_models(MODELS_DIR)
MODELS: list[Model | Inlined] = [
    *READ.inlined.values(),
    *(one for one in READ.tables.values() if isinstance(one, Model)),
]


def files(model: Model | Inlined) -> tuple[SqlFile, ...]:
    return model.files if isinstance(model, Model) else (model.sql_file,)


def header(part: SqlFile, word: str) -> str:
    found = re.search(rf"^-- {word}: (.*)$", part.file.read_text(encoding="utf-8"), re.MULTILINE)
    assert found, f"{part.file.name} has no `-- {word}:`"
    return found[1]


@pytest.mark.parametrize("model", MODELS, ids=[model.name for model in MODELS])
def test_inputs_are_those_that_the_query_reads(model: Model | Inlined) -> None:
    for part in files(model):
        assert set(header(part, "inputs").split(", ")) == part.inputs


@pytest.mark.parametrize("model", MODELS, ids=[model.name for model in MODELS])
def test_key_is_that_of_the_yml_file(model: Model | Inlined) -> None:
    if len(files(model)) == 1:
        assert tuple(header(files(model)[0], "key").split(", ")) == model.docs.key
        assert header(files(model)[0], "grain")


def test_each_table_of_marts_has_its_own_yml_file() -> None:
    tables = {name: table for name, table in READ.tables.items() if table.docs.file.parent.name == "marts"}
    assert {name: table.docs.file.name for name, table in tables.items()} == {name: f"{name}.yml" for name in tables}
    assert len(tables) > 10


def test_lines_are_short_enough_to_read() -> None:
    long = [
        f"{file.name}:{number}"
        for file in MODELS_DIR.rglob("*.sql")
        for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), 1)
        if len(line) > 120
    ]
    assert long == []
