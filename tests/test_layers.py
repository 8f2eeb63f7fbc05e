"""Who may import whom: no arrow climbs."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import REPOSITORY

# From the top to the ground. Packages of one level may know each other.
LEVELS = (
    {"audit", "cli", "schedules"},
    {"run", "monitoring", "publish", "export", "dashboard", "data_dictionary"},
    {"transform"},
    {"warehouse"},
    {"common"},
)
# Programs of their own, with a command line of their own.
PROGRAMS = {"pipelines.dashboard.__main__", "pipelines.data_dictionary.__main__", "pipelines.transform.__main__"}


def modules(package: str) -> Iterator[tuple[str, Path]]:
    for path in sorted((REPOSITORY / package).rglob("*.py")):
        yield ".".join(path.relative_to(REPOSITORY).with_suffix("").parts), path


def imports(module: str, path: Path) -> Iterator[tuple[str, int]]:
    """All that a module imports, also within its functions: name and line."""
    package = module.split(".")[:-1]
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from ((alias.name, node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            name = ".".join([*base, *(node.module.split(".") if node.module else [])])
            yield from ((f"{name}.{alias.name}", node.lineno) for alias in node.names)


def level(module: str) -> int:
    room = module.split(".")[1]
    return 0 if module in PROGRAMS else next(number for number, rooms in enumerate(LEVELS) if room in rooms)


def test_no_package_of_the_pipelines_imports_one_above_it() -> None:
    climbing = [
        f"{path.relative_to(REPOSITORY)}:{line} imports {name}"
        for module, path in modules("pipelines")
        if not module.endswith("pipelines.__init__")
        for name, line in imports(module, path)
        if name.startswith("pipelines.") and level(name) < level(module)
    ]
    assert climbing == []


@pytest.mark.parametrize(
    ("package", "strangers"),
    [("audit_source", {"pipelines", "sandbox", "tests", "click"}), ("sandbox", {"audit_source", "pipelines", "tests"})],
)
def test_source_and_sandbox_know_nothing_of_the_rest(package: str, strangers: set[str]) -> None:
    # The demo is a company with its own pipeline: it runs both.
    found = [
        f"{path.relative_to(REPOSITORY)}:{line} imports {name}"
        for module, path in modules(package)
        if module != "sandbox.demo"
        for name, line in imports(module, path)
        if name.split(".")[0] in strangers
    ]
    assert found == []


def test_every_command_is_a_module_named_after_it() -> None:
    from pipelines.audit import cli

    for name, command in cli.commands.items():
        assert command.callback is not None
        assert command.callback.__module__ == f"pipelines.cli.{name.replace('-', '_')}", name


def test_files_of_tests_have_names_of_their_own() -> None:
    names = [path.name for _, path in modules("tests") if path.name.startswith("test_")]
    assert sorted(set(names)) == sorted(names)
