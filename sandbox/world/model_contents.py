"""What is inside models: actions, imports, exports, processes, files; a function of the seed and the day.

Ids are unique within a model only, so the same id has another name in another model. In each list one item keeps its
id and changes its name from time to time, and one is deleted and followed by another with a new id.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import lru_cache
from random import Random
from typing import Any

from . import names
from .clock import DAY, Clock, day_of
from .company import Company, Model, Named

KINDS = ("actions", "imports", "exports", "processes", "files")
# Kinds whose items are run, and so are named by events.
RUN_KINDS = KINDS[:4]
NAMES = {
    "actions": names.ACTION_NAMES,
    "imports": names.IMPORT_NAMES,
    "exports": names.EXPORT_NAMES,
    "processes": ("Nightly Load", "Month End", "Publish Plan"),
}
ACTION_TYPES = ("BULK_COPY", "DELETE_BY_SELECTION", "UPDATE_CURRENT_PERIOD", "OPEN_DASHBOARD")
IMPORT_TYPES = ("MODULE_DATA", "HIERARCHY_DATA", "LINE_ITEM_DEFINITION", "USERS")
EXPORT_TYPES = ("TABULAR_MULTI_COLUMN", "GRID_CURRENT_PAGE", "TABULAR_ALL_LINE_ITEMS")
EXPORT_FORMATS = ("text/csv", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", "text/plain")
HISTORY_EXPORT_ID, FIRST_FILE_ID = "116000000009", 113_000_000_000
HISTORY_EXPORT_NAMES = ("Model History", "History export", "zz_audit (do not delete)")
# Never run, so no event names it.
UNUSED_ACTION = Named("117000000009", "Reset Selective Access")

Row = dict[str, Any]


class ItemTurns:
    """How often an item of a list has been renamed or replaced by a day."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.turn_length = lru_cache(maxsize=None)(self._turn_length)

    def _turn_length(self, model_id: str, kind: str, place: str) -> tuple[int, int]:
        rng = Random(f"{self.seed}/item/{model_id}/{kind}/{place}")
        # Short ones too: within a fortnight some action of a company changes.
        length = rng.randint(8, 24) if rng.random() < 0.3 else rng.randint(60, 400)
        return length, rng.randrange(length)

    def number(self, model: Model, kind: str, place: str, day: int) -> int:
        length, shift = self.turn_length(model.id, kind, place)
        return (day + shift) // length

    def last_change(self, model: Model, day: int) -> int:
        """Return the day on which the newest change inside the model happened."""
        starts = [day - (day + shift) % length for length, shift in self._all_turns(model)]
        return max(starts)

    def count(self, model: Model, day: int) -> int:
        """Return the number of changes up to a day; it only grows."""
        return sum((day + shift) // length for length, shift in self._all_turns(model))

    def _all_turns(self, model: Model) -> Iterator[tuple[int, int]]:
        for kind in RUN_KINDS:
            for place in ("renamed", "replaced"):
                yield self.turn_length(model.id, kind, place)

    def items(self, model: Model, kind: str, day: int) -> list[Named]:
        """Return the items that events of that day can name, in the order of the company's own list."""
        found: list[Named] = list(getattr(model, kind))
        renamed = len(found) - 2
        found[renamed] = self._renamed(found[renamed], self.number(model, kind, "renamed", day))
        found[-1] = self._replaced(found[-1], kind, self.number(model, kind, "replaced", day))
        return found

    @staticmethod
    def _renamed(item: Named, turn: int) -> Named:
        return Named(item.id, item.name if turn % 3 == 0 else f"{item.name} v{turn % 3 + 1}")

    @staticmethod
    def _replaced(item: Named, kind: str, turn: int) -> Named:
        """Return the holder of a place: ids are never used again."""
        known = NAMES[kind]
        return Named(str(int(item.id) + 10 * (turn + 1)), f"{known[turn % len(known)]} {turn % 89 + 1}")

    def model_on(self, model: Model, day: int) -> Model:
        """Return the model with the items of a day."""
        actions, imports, exports, processes = (self.items(model, kind, day) for kind in RUN_KINDS)
        return replace(model, actions=actions, imports=imports, exports=exports, processes=processes)


class ModelContents:
    """The lists inside models as they are now, with the changes that a test has made."""

    def __init__(self, company: Company, clock: Clock) -> None:
        self.company, self.clock = company, clock
        self.turns = ItemTurns(company.seed)
        self._numbers = {model.id: number for number, model in enumerate(company.models)}
        # By model id and item id: new fields, or None for an item that was deleted.
        self._changed: dict[str, dict[str, Row | None]] = {}
        self._added: dict[str, list[tuple[str, Row]]] = {}
        self._changes: dict[str, list[int]] = {}

    def find(self, model_id: str) -> Model | None:
        """Return the model of an id in either case."""
        number = self._numbers.get(model_id.lower())
        return None if number is None else self.company.models[number]

    def number(self, model: Model) -> int:
        return self._numbers[model.id]

    def rows(self, model: Model, kind: str) -> list[Row]:
        """Return a list as the Integration API shows it."""
        made = [*self._made(model, kind), *(row for of, row in self._added.get(model.id, ()) if of == kind)]
        changed = self._changed.get(model.id, {})
        return [{**row, **(changed.get(row["id"]) or {})} for row in made if changed.get(row["id"], row) is not None]

    def process_steps(self, model: Model, process_id: str) -> tuple[str, list[Row]] | None:
        """Return the name of a process and its actions in order; None for an unknown id."""
        processes = self.rows(model, "processes")
        number, process = next(((i, row) for i, row in enumerate(processes) if row["id"] == process_id), (0, None))
        if process is None:
            return None
        imports, actions = self.rows(model, "imports"), self.rows(model, "actions")
        exports = self.rows(model, "exports")
        steps = [*imports[: 1 + number], *actions[number : number + 2], *exports[:number]]
        return process["name"], [self._step(row) for row in steps]

    @staticmethod
    def _step(row: Row) -> Row:
        return {key: row[key] for key in ("id", "name", "actionType", "importType", "exportType") if key in row}

    def changes(self, model: Model) -> int:
        """Return how often something inside the model has changed until now."""
        return self.turns.count(model, day_of(self.clock.now())) + len(self._changes.get(model.id, ()))

    def last_change(self, model: Model) -> int:
        """Return the moment (ms) of the newest change inside the model."""
        planned = self.turns.last_change(model, day_of(self.clock.now())) * DAY
        return max(planned, *self._changes.get(model.id, [planned]))

    def change(self, model_id: str, item_id: str, **fields: Any) -> None:
        """Change fields of an item, by the names of the API: name, code, exportType, …"""
        model = self._known(model_id, item_id)
        before = self._changed.setdefault(model.id, {}).get(item_id) or {}
        self._changed[model.id][item_id] = {**before, **fields}
        self._changes.setdefault(model.id, []).append(self.clock.now())

    def remove(self, model_id: str, item_id: str) -> None:
        """Delete an item; events of it stay."""
        model = self._known(model_id, item_id)
        self._changed.setdefault(model.id, {})[item_id] = None
        self._changes.setdefault(model.id, []).append(self.clock.now())

    def add(self, model_id: str, kind: str, **fields: Any) -> str:
        """Add an item and return its id; fields that are not given are made up."""
        model = self.find(model_id)
        if model is None or kind not in KINDS:
            raise ValueError(f"no model {model_id}" if model is None else f"kind must be one of {', '.join(KINDS)}")
        prefix = {"actions": 117, "imports": 112, "exports": 116, "processes": 118, "files": 113}[kind]
        number = len(self._added.get(model.id, ()))
        row = {"id": f"{prefix}000{900_001 + number}", "name": f"Added {number}", **fields}
        self._added.setdefault(model.id, []).append((kind, row))
        self._changes.setdefault(model.id, []).append(self.clock.now())
        return str(row["id"])

    def _known(self, model_id: str, item_id: str) -> Model:
        model = self.find(model_id)
        if model is None or not any(row["id"] == item_id for kind in KINDS for row in self.rows(model, kind)):
            raise ValueError(f"no item {item_id} in model {model_id}")
        return model

    def _made(self, model: Model, kind: str) -> list[Row]:
        if kind == "files":
            return self._files(model)
        items = self.turns.items(model, kind, day_of(self.clock.now()))
        if kind == "processes":
            return [_item(item) for item in items]
        if kind == "actions":
            typed = zip([*items, UNUSED_ACTION], (*ACTION_TYPES, ACTION_TYPES[1]), strict=True)
            return [{**_item(item), "actionType": action_type} for item, action_type in typed]
        return self._imports(model, items) if kind == "imports" else self._exports(model, items)

    def _imports(self, model: Model, items: list[Named]) -> list[Row]:
        number = self.number(model)
        rows = []
        for place, item in enumerate(items):
            # An import from another model reads no file.
            source = _file_id(item) if self._reads_file(model, place) else ""
            import_type = IMPORT_TYPES[(number + place) % len(IMPORT_TYPES)]
            rows.append({**_item(item), "importType": import_type, "importDataSourceId": source})
        return rows

    def _reads_file(self, model: Model, place: int) -> bool:
        """Tell whether an import has a file; every fifth model takes all of its data from other models."""
        return place < 2 and self.number(model) % 5 != 4

    def _exports(self, model: Model, items: list[Named]) -> list[Row]:
        rows = []
        for place, item in enumerate(items):
            layout = EXPORT_TYPES[place % len(EXPORT_TYPES)]
            shape = {"exportType": layout, "exportFormat": EXPORT_FORMATS[place % len(EXPORT_FORMATS)]}
            rows.append({**_item(item), **shape, "encoding": "UTF-8", "layout": layout})
        if self.has_history_export(model):
            name = HISTORY_EXPORT_NAMES[self.number(model) % len(HISTORY_EXPORT_NAMES)]
            shape = {"exportType": "AUDIT_LOG", "exportFormat": "text/csv"}
            rows.append({"id": HISTORY_EXPORT_ID, "name": name, **shape, "encoding": "UTF-8", "layout": "AUDIT_LOG"})
        return rows

    def has_history_export(self, model: Model) -> bool:
        """Tell whether a builder saved the export of the history: in most models that are worked in."""
        return model.state in ("UNLOCKED", "PRODUCTION") and self.number(model) % 4 != 3

    def _files(self, model: Model) -> list[Row]:
        imports = self.turns.items(model, "imports", day_of(self.clock.now()))
        rows = []
        for place, item in enumerate(imports):
            if self._reads_file(model, place):
                text = {"format": "txt", "encoding": "UTF-8", "delimiter": '"', "separator": ","}
                lines = {"headerRow": 1, "firstDataRow": 2}
                rows.append({"id": _file_id(item), "name": item.name, "chunkCount": 1 + place, **lines, **text})
        return rows


def _item(item: Named) -> Row:
    """Return what all kinds have in common; builders give few items a code."""
    coded = int(item.id) % 3 == 0
    return {"id": item.id, "name": item.name, **({"code": f"C{int(item.id) % 10_000}"} if coded else {})}


def _file_id(item: Named) -> str:
    return str(FIRST_FILE_ID + int(item.id) % 1_000_000_000)
