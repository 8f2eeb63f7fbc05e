"""Modules in place of drivers that are not installed: enough to import dlt's clients, which only make SQL here."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any
from unittest.mock import MagicMock

DRIVERS = ("snowflake", "google", "databricks", "clickhouse_driver", "clickhouse_connect", "pandas")


class _Pretended(MetaPathFinder, Loader):
    def find_spec(self, fullname: str, path: Any, target: Any = None) -> ModuleSpec | None:
        if fullname.partition(".")[0] in DRIVERS:
            return ModuleSpec(fullname, self, is_package=True)
        return None

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        module = MagicMock(name=spec.name)
        module.__path__ = []
        return module

    def exec_module(self, module: ModuleType) -> None:
        pass


@contextmanager
def pretended_drivers() -> Iterator[None]:
    """Import modules in place of missing drivers inside the `with` block, and forget what used them at its end."""
    finder, before = _Pretended(), set(sys.modules)
    # After the finders of installed packages.
    sys.meta_path.append(finder)
    try:
        yield
    finally:
        sys.meta_path.remove(finder)
        for name in set(sys.modules) - before:
            if name.partition(".")[0] in DRIVERS or name.startswith("dlt.destinations.impl."):
                del sys.modules[name]
