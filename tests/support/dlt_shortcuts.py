"""Equal results in less time for what dlt works out a thousand times a load. Saves about a third of a test's CPU time."""

import copy
import functools
import hashlib
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import orjson
import sqlglot.expressions.core
from dlt.common import typing, validation
from dlt.common.configuration import resolve
from dlt.common.configuration.container import Container
from dlt.common.configuration.providers import doc, environ
from dlt.common.configuration.specs import base_configuration
from dlt.common.destination import DestinationCapabilitiesContext
from dlt.common.destination import utils as destination_utils
from dlt.common.json import json
from dlt.common.schema import utils as schema_utils
from dlt.common.storages.live_schema_storage import LiveSchemaStorage
from dlt.extract import extract

# Functions of a type hint alone. Modules import them by name.
OF_HINTS: tuple[Callable[..., Any], ...] = (
    typing.extract_inner_type,
    typing.extract_type_if_modifier,
    typing.get_all_types_of_class_in_union,
    typing.is_literal_type,
    typing.is_optional_type,
    typing.is_union_type,
    base_configuration.extract_inner_hint,
    base_configuration.get_config_if_union_hint,
    base_configuration.is_base_configuration_inner_hint,
    base_configuration.is_context_inner_hint,
    base_configuration.is_credentials_inner_hint,
    base_configuration.is_hint_not_resolvable,
    base_configuration.is_secret_hint,
    base_configuration.is_valid_hint,
)
ATOMS = frozenset({str, int, bool, float, type(None)})
# Parts of a stored schema that its version hash leaves out.
NOT_HASHED = ("version", "version_hash", "imported_version_hash", "previous_hashes")


def take_shortcuts() -> None:
    """Use them in this process, in the modules that are imported by now."""
    for function in OF_HINTS:
        _replace(function.__name__, function, remembered(function))
    _replace("deepcopy", copy.deepcopy, deep_copy)
    _remember_type_hints()
    _remember_fields()
    _remember_valid_documents()
    _remember_names_of_settings()
    _leave_out_mounted_secrets()
    _remember_version_hashes()
    _remember_read_schemas()
    _remember_printed_columns()
    for name in ("prepare_load_table", "resolve_merge_strategy"):
        _take_capabilities(name)


def remembered(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return the function with a memory. It knows its arguments by identity: hints are slow to compare."""
    known: dict[Any, Any] = {}

    @functools.wraps(function)
    def asked(*values: Any, **options: Any) -> Any:
        key = (*map(id, values), *options.items())
        if key not in known:
            # The values are kept, or others could get their ids.
            known[key] = function(*values, **options), values
        return known[key][0]

    return asked


def deep_copy(value: Any, memo: Any = None) -> Any:
    """Copy as `copy.deepcopy` does, with a short way through dictionaries, lists and expressions of SQL."""
    kind = type(value)
    if kind in ATOMS:
        return value
    if kind is dict:
        return {key: one if type(one) in ATOMS else deep_copy(one) for key, one in value.items()}
    if kind is list:
        return [deep_copy(one) for one in value]
    if isinstance(value, sqlglot.expressions.core.Expr):
        return value.__deepcopy__({})
    return copy.deepcopy(value, memo)


def _replace(name: str, old: Any, new: Any) -> None:
    for module_name, module in list(sys.modules.items()):
        if module_name.startswith(("dlt.", "sqlglot.")) and getattr(module, "__dict__", {}).get(name) is old:
            setattr(module, name, new)


def _remember_type_hints() -> None:
    resolve = validation.get_type_hints
    resolved: dict[type, dict[str, Any]] = {}

    def cached(spec: type, globalns: dict[str, Any] | None = None) -> dict[str, Any]:
        if spec not in resolved:
            resolved[spec] = resolve(spec, globalns=globalns)
        return resolved[spec]

    validation.get_type_hints = cached  # type: ignore[assignment]


def _remember_valid_documents() -> None:
    """Check a document once: each opened pipeline reads the same schema some ten times."""
    valid: set[Any] = set()

    def once(check: Callable[..., None]) -> Callable[..., None]:
        def checked(spec: Any, doc: Any, path: str, *others: Any, **named: Any) -> None:
            try:
                key = spec, path, hashlib.sha1(orjson.dumps(doc)).digest()
            except TypeError:
                return check(spec, doc, path, *others, **named)
            if key not in valid:
                check(spec, doc, path, *others, **named)
                valid.add(key)
            return None

        return checked

    for name in ("validate_dict", "validate_dict_ignoring_xkeys"):
        check = getattr(validation, name)
        _replace(name, check, once(check))
        # Inside, parts of a document are checked by the whole's check.
        setattr(validation, name, check)


def _remember_fields() -> None:
    names: dict[type, list[str]] = {}

    def fields(self: Any) -> Iterator[str]:
        kind = type(self)
        if kind not in names:
            of_kind = self.__dataclass_fields__.values()
            names[kind] = [field.name for field in of_kind if base_configuration.is_valid_configspec_field(field)]
        return iter(names[kind])

    base_configuration.BaseConfiguration.__iter__ = fields  # type: ignore[method-assign]


def _remember_names_of_settings() -> None:
    """Build the names under which a setting is searched once: dlt searches each one under some ten names."""
    for provider in (environ.EnvironProvider, doc.BaseDocProvider):
        provider.get_key_name = staticmethod(functools.cache(provider.get_key_name))  # type: ignore[method-assign]
    resolve._build_section_lookup_paths = functools.cache(resolve._build_section_lookup_paths)


def _leave_out_mounted_secrets() -> None:
    """Look for a secret in the environment only: dlt tries to open a file of `/run/secrets` under every name."""

    def value(self: Any, key: str, hint: Any, pipeline_name: str | None, *sections: str) -> tuple[str | None, str]:
        name = self.get_key_name(key, pipeline_name, *sections)
        return os.environ.get(name), name

    if not Path("/run/secrets").exists():
        environ.EnvironProvider.get_value = value  # type: ignore[assignment, method-assign]


def _remember_version_hashes() -> None:
    """Hash a schema's content once. The faster hash that finds it again includes the order of all parts."""
    generate = schema_utils.generate_version_hash
    known: dict[bytes, str] = {}

    def version_hash(stored: Any) -> str:
        content = json.dumpb({name: part for name, part in stored.items() if name not in NOT_HASHED})
        key = hashlib.sha1(content).digest()
        if key not in known:
            known[key] = generate(stored)
        return known[key]

    _replace("generate_version_hash", generate, version_hash)


def _remember_read_schemas() -> None:
    """Read the file of an unchanged live schema again only if it was replaced since it was read."""
    read = LiveSchemaStorage.__getitem__

    def schema(self: Any, name: str) -> Any:
        seen = self.__dict__.setdefault("_files_read", {})
        file = Path(self.config.schema_volume_path, self._file_name_in_store(name, "json"))
        # dlt writes another file and renames it, so the number of the file changes too.
        state = file.stat() if file.exists() else None
        stored = state and (state.st_ino, state.st_mtime_ns, state.st_size)
        live = self.live_schemas.get(name)
        # A schema that was given a new version in memory counts as not modified, and dlt takes the one of the file.
        if (
            live is not None
            and stored
            and seen.get(name) == (stored, live.stored_version_hash)
            and not live.is_modified
        ):
            return live
        found = read(self, name)
        seen[name] = stored, found.stored_version_hash
        return found

    LiveSchemaStorage.__getitem__ = schema  # type: ignore[method-assign]


def _remember_printed_columns() -> None:
    """Print the columns of a resource once: every trace holds them as YAML, which takes longer than a small load."""
    dump = extract.yaml.dump
    known: dict[bytes, str] = {}

    def printed(columns: Any, **options: Any) -> str:
        key = json.dumpb([columns, options])
        if key not in known:
            known[key] = dump(columns, **options)
        return known[key]

    extract.yaml = SimpleNamespace(dump=printed)


def _take_capabilities(name: str) -> None:
    """Take the destination's capabilities from dlt's container, where its search for settings finds them too.

    That search is most of what dlt does with a table, some thousand times in an enrichment.
    """
    searching = getattr(destination_utils, name)
    direct = searching.__wrapped__

    @functools.wraps(direct)
    def taking(tables: Any, table: Any, destination_capabilities: Any = None) -> Any:
        container = Container()
        if destination_capabilities is None and DestinationCapabilitiesContext in container:
            destination_capabilities = container[DestinationCapabilitiesContext]
        function = searching if destination_capabilities is None else direct
        return function(tables, table, destination_capabilities)

    _replace(name, searching, taking)
