"""Builds the wheel: every import package under one name, so that none collides with another project's.

In a checkout the packages are `audit_source`, `pipelines` and `sandbox`. In the wheel they are
`anaplan_audit_log.audit_source` and so on, and their absolute imports name them so. The reason for this layout is
docs/decisions/0030-wheel-layout.md. Everything else about the distribution is in pyproject.toml.
"""

import ast
import re
import shutil
from pathlib import Path

from setuptools import find_packages, setup
from setuptools.command.build_py import build_py
from setuptools.errors import SetupError

OWNER = "anaplan_audit_log"
ROOTS = ("audit_source", "pipelines", "sandbox")
ENTRY = '"""A scheduled pipeline that keeps an Anaplan tenant\'s audit log. The command is `anaplan-audit`."""\n'
# What `anaplan-audit init` writes. Never the whole folder: it may hold a secrets.toml.
SETTINGS = (".dlt/config.toml.example", ".dlt/secrets.toml.example")
SETTINGS_FOLDER = f"{OWNER}/pipelines/cli/settings"
# Commands of a checkout, in help and in messages, and the same commands of an installation.
COMMANDS = {
    "python -m pipelines.audit": "anaplan-audit",
    "python -m pipelines.dashboard": "anaplan-audit dashboard",
    "python -m pipelines.data_dictionary": "anaplan-audit dictionary",
    "python -m sandbox": f"python -m {OWNER}.sandbox",
    "make demo": f"python -m {OWNER}.sandbox.demo",
    "make init": "anaplan-audit init",
    "make run": "anaplan-audit run",
    "make dashboard": "anaplan-audit dashboard",
}


def installed_source(source: str, name: str) -> str:
    """Return the source of a module with the imports and commands of an installation.

    Raises:
        SetupError: An import binds the root by a dotted name, which has no equal under another name.
    """
    lines = source.splitlines(keepends=True)
    for node in ast.walk(ast.parse(source)):
        # Columns of `ast` count bytes, but an import statement begins after blanks or ASCII code.
        if isinstance(node, ast.ImportFrom) and not node.level and _is_ours(node.module or ""):
            _replace(lines, node, f"from {node.module}", f"from {OWNER}.{node.module}")
        elif isinstance(node, ast.Import) and any(_is_ours(alias.name) for alias in node.names):
            if len(node.names) > 1 or "." in node.names[0].name:
                raise SetupError(f"{name}:{node.lineno}: write `from package import module`: the build renames it.")
            _replace(lines, node, "import ", f"from {OWNER} import ")
    text = "".join(lines)
    for checkout, installed in COMMANDS.items():
        text = re.sub(rf"\b{re.escape(checkout)}\b", installed, text)
    return text


def _is_ours(module: str) -> bool:
    return module.partition(".")[0] in ROOTS


def _replace(lines: list[str], node: ast.stmt, old: str, new: str) -> None:
    number, start = node.lineno - 1, node.col_offset
    if not lines[number].startswith(old, start):
        raise SetupError(f"line {node.lineno}: expected `{old}`. Write the import on one line.")
    lines[number] = lines[number][:start] + new + lines[number][start + len(old) :]


class BuildUnderOneName(build_py):
    """Copies the packages under the name of the distribution, and renames their imports."""

    def run(self) -> None:
        if self.editable_mode:
            raise SetupError("An editable install cannot rename imports. Use `make setup` in a checkout instead.")
        # Files that an earlier build left would become part of the wheel.
        shutil.rmtree(Path(self.build_lib) / OWNER, ignore_errors=True)
        super().run()
        (Path(self.build_lib) / OWNER / "__init__.py").write_text(ENTRY, encoding="utf-8")
        settings = Path(self.build_lib) / SETTINGS_FOLDER
        settings.mkdir(parents=True)
        for file in SETTINGS:
            shutil.copy(file, settings)

    def build_module(self, module: str, module_file: str, package: str) -> object:
        built = super().build_module(module, module_file, package)
        path = Path(str(built[0]))
        path.write_text(installed_source(path.read_text(encoding="utf-8"), module_file), encoding="utf-8")
        return built


if __name__ == "__main__":
    patterns = [*ROOTS, *(f"{root}.*" for root in ROOTS)]
    setup(
        packages=[f"{OWNER}.{package}" for package in find_packages(include=patterns)],
        package_dir={f"{OWNER}.{root}": root for root in ROOTS},
        cmdclass={"build_py": BuildUnderOneName},
    )
