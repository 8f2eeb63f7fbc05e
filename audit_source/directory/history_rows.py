"""The rows of a history: their columns, and a form of their content by which they are recognised in every later file.

The form does not depend on the position of a row or on the columns of the file, since both change when new rows appear:
it holds the headers and texts of the cells that are not empty, ordered by header.
"""

import hashlib
import json
from collections.abc import Callable, Sequence
from datetime import datetime, timezone

import pyarrow as pa
import pyarrow.compute as pc

from ..privacy.history import mask_cells
from ..privacy.masking import Privacy
from .history_tables import MODEL_HISTORY

_COLUMNS = {
    "id": "transaction_id",
    "date/time (utc)": "changed_at",
    "user": "user_name",
    "description": "description",
    "previous value": "previous_value",
    "new value": "new_value",
    "module/list": "module_or_list",
    "line item/property": "line_item_or_property",
    "item": "item",
    "list item": "item",
    "customer": "customer",
    "export": "export",
    "import": "import",
    "data types": "data_types",
    "table name": "table_name",
    "object": "object",
    "target user": "target_user",
}
# A file with none of them is something else.
_EXPECTED = {"transaction_id", "changed_at", "description"}
# Tried in this order if a moment is not ISO 8601. Exports are requested in `en_US`.
_MOMENTS = (
    "%Y-%m-%dT%H:%M:%S",
    "%m/%d/%Y %H:%M:%S",
    "%m/%d/%Y %H:%M",
    "%m/%d/%Y %I:%M:%S %p",
    "%b %d, %Y %H:%M:%S",
    "%b %d, %Y %I:%M:%S %p",
)
_BETWEEN, _AFTER = "\x1f", "\x1e"
DIGEST_BYTES = 16


class RowForm:
    """Turns the batches of one file into rows.

    Args:
        headers (Sequence[str]): The headers of the file.
        model_id (str): The model.
        workspace_id (str): Its workspace.
        loaded_at (int): Epoch ms of the start of the run.
        privacy (Privacy): Masks each cell, if set.
    """

    def __init__(
        self, headers: Sequence[str], model_id: str, workspace_id: str | None, loaded_at: int, privacy: Privacy | None
    ) -> None:
        self._model_id, self._workspace_id, self._privacy = model_id, workspace_id, privacy
        self._loaded_at = datetime.fromtimestamp(loaded_at / 1000, timezone.utc)
        # The first of several equal headers fills the column; the others are kept with their number.
        self._keys: list[str] = []
        self._by_column: dict[str, int] = {}
        for position, header in enumerate(headers):
            column = _COLUMNS.get(" ".join(header.lower().split()))
            if column is not None and column not in self._by_column:
                self._by_column[column] = position
            number = headers[:position].count(header) + 1
            self._keys.append(header if number == 1 else f"{header} ({number})")
        self._others = [at for at in range(len(headers)) if at not in self._by_column.values()]
        self._order = sorted(range(len(headers)), key=self._keys.__getitem__)
        columns = {position: name for name, position in self._by_column.items()}
        self._names = [columns.get(position) for position in range(len(headers))]

    @property
    def is_history(self) -> bool:
        """Whether the file has a header that every history has."""
        return bool(self._by_column.keys() & _EXPECTED)

    @property
    def transaction_position(self) -> int | None:
        """Position of the column with the number of the transaction, if the file has one."""
        return self._by_column.get("transaction_id")

    def masked(self, batch: pa.RecordBatch) -> list[pa.Array]:
        """Return the cells by position, masked as the setting `privacy` says."""
        if self._privacy is None:
            return list(batch.columns)
        return mask_cells(self._privacy, self._names, batch.columns)

    def transactions(self, batch: pa.RecordBatch) -> pa.Array:
        """Return the number of each row's transaction, null if it is not a number."""
        position = self.transaction_position
        if position is None:
            return pa.nulls(batch.num_rows, pa.int64())
        texts = batch.column(position)
        is_number = pc.match_substring_regex(texts, r"^\d{1,18}$")
        return pc.cast(pc.if_else(is_number, texts, pa.scalar(None, pa.string())), pa.int64())

    def contents(self, cells: Sequence[pa.Array]) -> pa.Array:
        """Return the content of each row as one text."""
        parts = [
            pc.binary_join_element_wise(f"{self._keys[at]}{_BETWEEN}", cells[at], "")
            for at in self._order
            if cells[at].null_count < len(cells[at])
        ]
        return _joined(parts, len(cells[0]), _AFTER)

    def row_hashes(self, contents: pa.Array) -> list[str]:
        """Return the hash of model and content of each row."""
        begun = hashlib.blake2b(f"{self._model_id}{_AFTER}".encode(), digest_size=DIGEST_BYTES)
        hashes = []
        for content in contents.cast(pa.binary()).to_pylist():
            row = begun.copy()
            row.update(content)
            hashes.append(row.hexdigest())
        return hashes

    def table(self, cells: Sequence[pa.Array], row_ids: Sequence[str]) -> pa.Table:
        """Return the rows of `model_history`."""
        rows = len(row_ids)
        columns = {name: cells[position] for name, position in self._by_column.items()}
        others = {self._keys[at]: cells[at] for at in self._others}
        if "changed_at" in columns:
            texts = columns["changed_at"]
            columns["changed_at"] = moments(texts)
            columns["change_day"] = pc.cast(columns["changed_at"], pa.date32())
            is_unread = pc.and_(pc.is_null(columns["changed_at"]), pc.is_valid(texts))
            if pc.any(is_unread).as_py():
                header = self._keys[self._by_column["changed_at"]]
                others[header] = pc.if_else(is_unread, texts, pa.scalar(None, pa.string()))
        columns.update(
            history_row_id=pa.array(row_ids, pa.string()),
            model_id=pa.repeat(pa.scalar(self._model_id), rows),
            workspace_id=pa.repeat(pa.scalar(self._workspace_id, pa.string()), rows),
            loaded_at=pa.repeat(pa.scalar(self._loaded_at, pa.timestamp("us", "UTC")), rows),
            other_columns=_objects(others, rows),
        )
        schema = MODEL_HISTORY.arrow_schema
        return pa.table([columns.get(field.name, pa.nulls(rows, field.type)) for field in schema], schema=schema)


def moments(texts: pa.Array) -> pa.Array:
    """Return the moments (UTC) that texts contain, null where a text has no known form."""
    kind = pa.timestamp("us")
    trimmed = pc.utf8_trim_whitespace(pc.replace_substring_regex(texts, r"\s*(Z|UTC|GMT)\s*$", ""))
    try:
        found = pc.cast(trimmed, kind)
    except pa.ArrowInvalid:
        found = pa.nulls(len(texts), kind)
        for form in ("%Y-%m-%d %H:%M:%S", *_MOMENTS):
            found = pc.coalesce(found, pc.strptime(trimmed, form, "us", error_is_null=True))
    return pc.assume_timezone(found, "UTC")


def _objects(columns: dict[str, pa.Array], rows: int) -> pa.Array:
    """Return the cells as one JSON object for each row, null where all of them are empty."""
    members = [
        pc.binary_join_element_wise(f",{json.dumps(header, ensure_ascii=False)}:", _each(cells, _json_text), "")
        for header, cells in columns.items()
        if cells.null_count < len(cells)
    ]
    if not members:
        return pa.nulls(rows, pa.string())
    joined = _joined(members, rows, "")
    objects = pc.binary_join_element_wise("{", pc.utf8_slice_codeunits(joined, 1), "}", "")
    return pc.if_else(pc.equal(joined, ""), pa.scalar(None, pa.string()), objects)


def _joined(parts: Sequence[pa.Array], rows: int, between: str) -> pa.Array:
    """Join the parts of each row that are not null. The empty last one is needed: Arrow drops a row without parts."""
    return pc.binary_join_element_wise(*parts, pa.repeat(pa.scalar(""), rows), between, null_handling="skip")


def _json_text(text: str | None) -> str | None:
    return None if text is None else json.dumps(text, ensure_ascii=False)


def _each(cells: pa.Array, change: Callable[[str | None], str | None]) -> pa.Array:
    """Change each distinct text once."""
    encoded = cells.dictionary_encode()
    changed = pa.array([change(text) for text in encoded.dictionary.to_pylist()], pa.string())
    return changed.take(encoded.indices)
