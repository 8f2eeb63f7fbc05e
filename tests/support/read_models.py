"""Read and check the same models once a process: for the smallest tenant, that is a tenth of an enrichment."""

from functools import lru_cache
from pathlib import Path

import pytest

from pipelines.transform import graph, runner
from pipelines.transform.graph import Enrichment
from tests.support.small_models import copy_models


def read_models_once() -> None:
    """Keep the models of more folders than a run reads, and do not check again what passed."""
    graph._read = lru_cache(maxsize=16)(graph._read.__wrapped__)  # type: ignore[assignment]
    check = graph.check_models

    def check_once(enrichment: Enrichment) -> None:
        if "passed" not in enrichment.__dict__:
            check(enrichment)
            enrichment.__dict__["passed"] = True

    graph.check_models = runner.check_models = check_once


class ModelFolders:
    """Folders with some of the real models, each written once a session. Tests must not change the files."""

    def __init__(self, factory: pytest.TempPathFactory) -> None:
        self._factory = factory
        self._written: dict[tuple[str, ...], Path] = {}

    def __call__(self, *names: str) -> Path:
        """Return the folder with these models."""
        if names not in self._written:
            self._written[names] = copy_models(self._factory.mktemp("models") / "models", names)
        return self._written[names]
