"""Modules in place of drivers that are not installed: enough to import dlt's clients, which only make SQL here."""

import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType
from typing import Any
from unittest.mock import MagicMock

DRIVERS = ("snowflake", "google", "databricks", "clickhouse_driver", "clickhouse_connect", "pandas")

# The destinations beside the default, as the example lists them.
_EXAMPLE = (Path(__file__).parents[2] / ".dlt" / "config.toml.example").read_text(encoding="utf-8")
KINDS = re.findall(r"\w+", re.search(r"destination_type = .*# or (.*)", _EXAMPLE)[1])  # type: ignore[index]
# What dlt's clients need before they make SQL.
SETTINGS = {
    "bigquery": {"project_id": "p", "private_key": "k", "client_email": "loader@example.com"},
    "databricks": {"catalog": "anaplan", "server_hostname": "h", "http_path": "/sql", "access_token": "t"},
}


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
        if module.__name__ == "databricks":
            # So does the real one.
            import_module("pandas")


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
