"""Finds statements that change the whole process: environment, imports, garbage collector, allocators, logs."""

import ast
from collections.abc import Iterator

MAPPINGS = {"os.environ", "sys.modules", "dlt.config", "dlt.secrets"}
CHANGING_METHODS = {"update", "setdefault", "pop", "clear", "insert", "append", "remove", "extend"}
CHANGED_OBJECTS = MAPPINGS | {"sys.meta_path", "sys.path", "sys.path_hooks"}
CALLS = {
    "os.putenv",
    "gc.freeze",
    "gc.disable",
    "gc.set_threshold",
    "logging.basicConfig",
    "logging.disable",
    "logging.captureWarnings",
    "warnings.simplefilter",
    "warnings.filterwarnings",
    "atexit.register",
}
METHODS = {"set_memory_pool", "mallopt", "addFilter", "removeFilter", "addHandler", "setFormatter", "setLevel"}


def switches(source: str) -> Iterator[tuple[str, int]]:
    """The statements of a source text that set a process-wide switch, with their lines."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call) and _is_switch(node):
            yield ast.unparse(node), node.lineno
        elif isinstance(node, (ast.Assign, ast.AugAssign, ast.Delete)):
            targets = [node.target] if isinstance(node, ast.AugAssign) else node.targets
            for target in targets:
                if isinstance(target, ast.Subscript) and ast.unparse(target.value) in MAPPINGS:
                    yield ast.unparse(node), node.lineno


def _is_switch(call: ast.Call) -> bool:
    called = ast.unparse(call.func)
    owner, _, method = called.rpartition(".")
    names_mallopt = any(isinstance(value, ast.Constant) and value.value == "mallopt" for value in call.args)
    return (
        called in CALLS
        or names_mallopt
        or (bool(owner) and method in METHODS)
        or (owner in CHANGED_OBJECTS and method in CHANGING_METHODS)
    )
