"""Refuse sections of the settings files that nobody reads: dlt ignores them without a word."""

import difflib
import os
from collections.abc import Collection, Iterator
from functools import partial
from typing import Any, get_args

import dlt

from .exit_codes import CONFIGURATION, PipelineError
from .names import ENRICH_NAME, LOAD_NAME

FILES = ("config.toml", "secrets.toml")
# Sections whose settings are checked by their readers, or are dlt's own and rarely set.
_OTHERS = {
    *("alerts", "dashboard", "forward", "lakehouse", "metrics", "tenants"),
    *("load", "normalize", "extract", "schema", "data_writer", "providers", "datasets"),
}


def check_sections(source_settings: Collection[str]) -> None:
    """Refuse the first section, or setting of dlt, that does not exist in a file of the working folder.

    The files of dlt's global folder may serve other programs, too.

    Args:
        source_settings (Collection[str]): Settings of the source. dlt finds them outside their section, too.

    Raises:
        PipelineError: A section or setting is unknown.
    """
    known = _known(source_settings)
    for file, document in _documents():
        _check(file, document, known, ())


def _documents() -> Iterator[tuple[str, dict[str, Any]]]:
    import tomlkit

    for name in FILES:
        path = os.path.join(dlt.current.run_context().settings_dir, name)
        if os.path.isfile(path):
            with open(path, encoding="utf-8") as file:
                yield name, tomlkit.load(file).unwrap()


def _known(source_settings: Collection[str]) -> dict[str, Any]:
    """Return all sections as a tree.

    None stands for a value or for a section that is not checked here, a function for a section that is read if needed.
    """
    from dlt.common.configuration.specs import RuntimeConfiguration
    from dlt.pipeline.configuration import PipelineConfiguration

    source = dict.fromkeys({name.partition(".")[0] for name in source_settings})
    pipeline = dict.fromkeys(PipelineConfiguration.get_resolvable_fields())
    return {
        **source,
        **pipeline,
        **dict.fromkeys(_OTHERS),
        # dlt also looks for each section below the name of a pipeline.
        **dict.fromkeys((LOAD_NAME, ENRICH_NAME)),
        "tenant": None,
        "runtime": dict.fromkeys(RuntimeConfiguration.get_resolvable_fields()),
        "sources": {**source, "audit_source": None, "data_writer": None},
        "pipelines": {**pipeline, LOAD_NAME: None, ENRICH_NAME: None},
        "destination": _destinations(),
    }


def _destinations() -> dict[str, Any]:
    """Return the settings of all destinations, and the names of the destinations, each with a function for its own."""
    from dlt.common.destination.client import DestinationClientDwhConfiguration

    own = {name: partial(_destination, name) for name in dlt.destinations.__all__}
    return {**_fields(DestinationClientDwhConfiguration), **own}


def _destination(name: str) -> dict[str, Any]:
    from dlt.common.destination import Destination

    factory = Destination.from_reference(name)
    return _fields(factory.spec) if factory else {}


def _fields(*specs: Any) -> dict[str, Any]:
    """Return the settings of specifications, with those of the specifications in them."""
    from dlt.common.configuration.specs.base_configuration import extract_inner_hint

    found: dict[str, Any] = {}
    for spec in specs:
        for name, hint in spec.get_resolvable_fields().items():
            inner = extract_inner_hint(hint, preserve_literal=True)
            nested = [one for one in get_args(inner) or (inner,) if hasattr(one, "get_resolvable_fields")]
            found[name] = _fields(*nested) if nested else None
    return found


def _check(file: str, document: dict[str, Any], known: dict[str, Any], above: tuple[str, ...]) -> None:
    for key, value in document.items():
        if key not in known:
            raise PipelineError(CONFIGURATION, _unknown(file, (*above, key), isinstance(value, dict), known))
        below = known[key]() if callable(known[key]) else known[key]
        if isinstance(value, dict) and below:
            _check(file, value, below, (*above, key))


def _unknown(file: str, path: tuple[str, ...], is_section: bool, known: dict[str, Any]) -> str:
    near = difflib.get_close_matches(path[-1], known, 1)
    name, hint = ".".join(path), "Remove it; .dlt/config.toml.example lists all sections."
    if near:
        hint = f"Did you mean `{'.'.join((*path[:-1], near[0]))}`?"
    return f"{'section' if is_section else 'setting'} `{name}` ({file}) does not exist. {hint}"
