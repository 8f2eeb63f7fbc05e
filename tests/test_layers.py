"""Who may import whom: no arrow climbs."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import REPOSITORY
from tests.support.process_switches import switches

# From the top to the ground. Packages of one level may know each other.
LEVELS = (
    {"audit", "cli", "schedules"},
    {"run", "monitoring", "publish", "export", "dashboard", "data_dictionary"},
    {"transform"},
    {"warehouse"},
    {"common"},
)
# Entry points beside the command line: they may print, set switches of their process, and import `cli`.
PROGRAMS = {"pipelines.dashboard.__main__", "pipelines.data_dictionary.__main__"}
# Modules beside `start_up` that may set process-wide switches.
SWITCHES = {
    "pipelines.common.start_up",
    # Called by `start_up`.
    "audit_source.allocator",
    "pipelines.common.allocator",
    # Sets up the decoding process, which runs nothing else.
    "audit_source.events.decode_worker",
    # Hides one warning of dlt that every load of the source would repeat, also without this project's command line.
    "audit_source.source",
    # Ends the session of a source that was made and never loaded.
    "audit_source.extract_report",
}


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


def test_every_command_has_the_same_shape() -> None:
    from pipelines.audit import cli
    from pipelines.cli.command_group import AuditCommand

    for name, command in cli.commands.items():
        assert isinstance(command, AuditCommand), name
        assert command.help and command.help[0].isupper() and command.help.rstrip().endswith("."), name
        assert all(option.help for option in command.params if option.param_type_name == "option"), name


def test_only_the_command_line_prints() -> None:
    found = [
        f"{path.relative_to(REPOSITORY)}:{line}: {what}"
        for package in ("pipelines", "audit_source")
        for module, path in modules(package)
        if not module.startswith("pipelines.cli.") and module not in PROGRAMS
        for what, line in printing(module, path)
    ]
    assert found == []


def printing(module: str, path: Path) -> Iterator[tuple[str, int]]:
    """Calls of `print` and of `write` on a standard stream, and imports of the libraries for terminals."""
    yield from ((name, line) for name, line in imports(module, path) if name.split(".")[0] in ("click", "rich"))
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call):
            called = ast.unparse(node.func)
            if called == "print" or called in ("sys.stdout.write", "sys.stderr.write"):
                yield called, node.lineno


def test_process_wide_switches_are_set_at_start_up_only() -> None:
    found = [
        f"{path.relative_to(REPOSITORY)}:{line}: {what}"
        for package in ("pipelines", "audit_source")
        for module, path in modules(package)
        if module not in PROGRAMS | SWITCHES
        for what, line in switches(path.read_text(encoding="utf-8"))
    ]
    assert found == []


@pytest.mark.parametrize(
    "statement",
    [
        "os.environ['RUNTIME__LOG_LEVEL'] = 'INFO'",
        "del os.environ['HOME']",
        "os.environ.update(HOME='/')",
        "dlt.config['load.workers'] = 1",
        "sys.modules['pandas'] = None",
        "sys.meta_path.insert(0, finder)",
        "gc.freeze()",
        "pa.set_memory_pool(pa.system_memory_pool())",
        "libc.mallopt(-8, 1)",
        "gnu('mallopt', -8, 1)",
        "logging.getLogger('dlt').addFilter(hide)",
        "warnings.simplefilter('ignore')",
        "atexit.register(close)",
    ],
)
def test_a_process_wide_switch_is_recognised(statement: str) -> None:
    assert len(list(switches(statement))) == 1


def test_reading_is_not_a_switch() -> None:
    assert list(switches("os.environ.get('HOME'); dlt.config.get('load.workers'); 'dlt' in sys.modules")) == []


def test_files_of_tests_have_names_of_their_own() -> None:
    names = [path.name for _, path in modules("tests") if path.name.startswith("test_")]
    assert sorted(set(names)) == sorted(names)
