"""The comment that a model begins with says what models.yml says, and what the model reads."""

import re

import pytest

from pipelines.transform.parse import MODELS_DIR, Model, Part, read_tables

MODELS = [table for table in read_tables(MODELS_DIR) if isinstance(table, Model)]


def header(part: Part, word: str) -> str:
    found = re.search(rf"^-- {word}: (.*)$", part.file.read_text(encoding="utf-8"), re.MULTILINE)
    assert found, f"{part.file.name} has no `-- {word}:`"
    return found[1]


@pytest.mark.parametrize("model", MODELS, ids=[model.name for model in MODELS])
def test_inputs_are_those_that_the_query_reads(model: Model) -> None:
    for part in model.parts:
        assert set(header(part, "inputs").split(", ")) == part.inputs


@pytest.mark.parametrize("model", MODELS, ids=[model.name for model in MODELS])
def test_key_is_that_of_models_yml(model: Model) -> None:
    if len(model.parts) == 1:
        assert tuple(header(model.parts[0], "key").split(", ")) == model.about.key
        assert header(model.parts[0], "grain")


def test_lines_are_short_enough_to_read() -> None:
    long = [
        f"{file.name}:{number}"
        for file in MODELS_DIR.rglob("*.sql")
        for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), 1)
        if len(line) > 120
    ]
    assert long == []
