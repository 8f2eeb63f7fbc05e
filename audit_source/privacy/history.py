"""Masking of model history, whose cells hold names, e-mail addresses and the data of models."""

import json
from collections.abc import Sequence

import pyarrow as pa
import pyarrow.compute as pc

from .masking import SUSPICIOUS, Privacy

# Columns that name a person, and columns that hold data of the model.
_PERSONAL = {"user_name", "target_user"}
_VALUES = {"previous_value", "new_value"}
# Columns whose texts are never a name.
_PLAIN = {"transaction_id", "changed_at"}


def mask_cells(privacy: Privacy, names: Sequence[str | None], cells: Sequence[pa.Array]) -> list[pa.Array]:
    """Return the cells of a history with every personal text replaced. `drop` removes values as well.

    Args:
        privacy (Privacy): The masking.
        names (Sequence[str]): Column of each cell; None for a header that is not known.
        cells (Sequence[Array]): Texts by position.
    """
    return [_masked(privacy, name, column) for name, column in zip(names, cells, strict=True)]


def form_of(privacy: Privacy | None) -> str:
    """Return a name for what the masking makes of a text. Another setting or key has another name."""
    if privacy is None:
        return "keep"
    token = privacy.pseudonym("model history")
    return f"hash-{token}" if token else "drop"


def _masked(privacy: Privacy, name: str | None, cells: pa.Array) -> pa.Array:
    if name in _PLAIN or cells.null_count == len(cells):
        return cells
    if name in _VALUES and privacy.removes:
        return pa.nulls(len(cells), pa.string())
    if name is not None and name not in _PERSONAL:
        suspicious = pc.fill_null(pc.match_substring_regex(cells, SUSPICIOUS), False)
        if not pc.any(suspicious).as_py():
            return cells
        # Few values hold an address, and values are rarely equal.
        masked = [privacy.scrubbed(text) for text in cells.filter(suspicious).to_pylist()]
        return pc.replace_with_mask(cells, suspicious, pa.array(masked, pa.string()))
    encoded = cells.dictionary_encode()
    mask = privacy.pseudonym if name in _PERSONAL else privacy.unknown
    texts = pa.array([_text(mask(text)) for text in encoded.dictionary.to_pylist()], pa.string())
    return texts.take(encoded.indices)


def _text(masked: object) -> str | None:
    return masked if masked is None or isinstance(masked, str) else json.dumps(masked)
