"""Who may import whom: no arrow climbs."""

import ast
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import REPOSITORY
from tests.support.process_switches import switches

# From the top to the ground. Packages of one level may know each other.
LEVELS = (
    {"audit", "cli", "schedules"},
    {"run", "monitoring", "publish", "export", "backup", "dashboard", "data_dictionary"},
    {"transform"},
    {"warehouse"},
    {"common"},
)
# Entry points beside the command line: they may print, set switches of their process, and import `cli`.
PROGRAMS = {"pipelines.dashboard.__main__", "pipelines.data_dictionary.__main__", "pipelines.transform.__main__"}
# Modules beside `start_up` that may set process-wide switches.
SWITCHES = {
    "pipelines.common.start_up",
    # Called by `start_up`.
    "pipelines.common.allocator",
    # Called by commands that only read, before they open anything.
    "pipelines.cli.demo_data",
    # Sets up the decode process, which runs nothing else.
    "audit_source.events.decode_worker",
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


def texts(path: Path) -> Iterator[tuple[str, int]]:
    """Every text of a module but its docstrings: text and line."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    documented = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    docstrings = {id(node.body[0].value) for node in ast.walk(tree) if isinstance(node, documented) and _has_text(node)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docstrings:
            yield node.value, node.lineno


def _has_text(node: ast.AST) -> bool:
    return bool(node.body) and isinstance(node.body[0], ast.Expr)  # type: ignore[attr-defined]


def test_the_source_names_no_command_and_no_option_of_the_pipelines() -> None:
    from pipelines.audit import cli

    commands = "|".join(cli.commands)
    named = re.compile(rf"pipelines|`make |`({commands})`|audit ({commands})\b|(?<![-\w])--[a-z]")
    assert named.search("Run `login` again.") and named.search("--since: too early") and named.search("`make run`")
    found = [
        f"{path.relative_to(REPOSITORY)}:{line} says {text!r}"
        for _, path in modules("audit_source")
        for text, line in texts(path)
        if named.search(text)
    ]
    assert found == []


def test_the_source_leaves_the_process_of_its_caller_alone() -> None:
    """No hook at exit, no output, no switch of the whole process. The process that decodes is its own."""
    switches = re.compile(
        r"\batexit\b|\bprint\(|\bgc\.|mallopt|set_memory_pool|os\.environ\[|environ\.(update|setdefault|pop)"
        r"|dlt\.config\[|addFilter\(|addHandler\(|setLevel\(|basicConfig|sys\.modules\[|sys\.meta_path|signal\.signal"
    )
    assert switches.search("gc.freeze()") and switches.search("import atexit")
    found = [
        f"{path.relative_to(REPOSITORY)}:{number}: {line.strip()}"
        for module, path in modules("audit_source")
        if module != "audit_source.events.decode_worker"
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if switches.search(line.partition("# ")[0])
    ]
    assert found == []


def test_importing_the_source_starts_nothing() -> None:
    """A process of its own imports every module, and lists what was started or configured."""
    names = [module.removesuffix(".__init__") for module, _ in modules("audit_source")]
    script = f"""
import atexit, importlib, logging, subprocess, threading
import dlt, pyarrow.compute, requests
from dlt.sources.helpers import requests as _
started, hooks, loggers = [], [], [logging.getLogger(), logging.getLogger("dlt")]
before = [(one.level, list(one.handlers), list(one.filters)) for one in loggers]
threading.Thread.start = lambda self: started.append(self.name)
subprocess.Popen.__init__ = lambda self, *rest, **options: started.append(rest)
atexit.register = lambda function, *rest, **options: hooks.append(f"{{function.__module__}}.{{function.__name__}}") or function
for name in {names!r}:
    importlib.import_module(name)
after = [(one.level, list(one.handlers), list(one.filters)) for one in loggers]
print(started, [hook for hook in hooks if hook.startswith("audit_source")], before == after)
"""
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY)}
    command = [sys.executable, "-c", script]
    ended = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    assert (ended.stdout.strip(), ended.stderr) == ("[] [] True", "")


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


def test_no_test_module_is_imported() -> None:
    # What two test modules share is a helper, in `tests/support/`.
    tests = {module for module, path in modules("tests") if path.name.startswith("test_")}
    found = [
        f"{path.relative_to(REPOSITORY)}:{line} imports {name}"
        for package in ("tests", "pipelines", "audit_source", "sandbox")
        for module, path in modules(package)
        for name, line in imports(module, path)
        if tests & {name, name.rpartition(".")[0]}
    ]
    assert found == []
