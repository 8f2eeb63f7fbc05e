"""Model history as a simulated tenant holds it, and as a destination does."""

import json
from collections import Counter
from collections.abc import Sequence
from typing import Any

from sandbox.server import Sandbox

# Columns of the table by header.
COLUMNS = {
    "ID": "transaction_id",
    "Date/Time (UTC)": "changed_at",
    "User": "user_name",
    "Description": "description",
    "Previous Value": "previous_value",
    "New Value": "new_value",
    "Module/List": "module_or_list",
    "Line Item/Property": "line_item_or_property",
    "Customer": "customer",
    "Export": "export",
    "Import": "import",
    "Data Types": "data_types",
    "Table Name": "table_name",
    "Object": "object",
    "Target User": "target_user",
}
History = Counter[tuple[Any, ...]]


def small_loads(rows: int) -> None:
    """Make this process end a load after so many rows."""
    import audit_source.directory.history_file
    import audit_source.directory.history_reader
    import audit_source.directory.model_history

    audit_source.directory.model_history.ROWS_PER_LOAD = rows
    audit_source.directory.history_reader._ROWS = rows
    # Some 400 rows.
    audit_source.directory.history_file._BLOCK = 1 << 16


def history_rows(sandbox: Sandbox, models: Sequence[Any] | None = None) -> History:
    """Return every row of the models, by default of all with a history export: model, columns, other columns."""
    found: History = Counter()
    for model in models or sandbox.company.models:
        if sandbox.state.contents.has_history_export(model) and model.state != "ARCHIVED":
            found.update(_row(model.id.upper(), row) for row in sandbox.model_history(model.id))
    return found


def stored_history(engine: Any) -> History:
    """Return every stored row in the same form."""
    names = ", ".join(f'"{name}"' for name in COLUMNS.values() if name != "changed_at")
    query = f"select model_id, changed_at, cast(other_columns as text), {names} from anaplan_audit_raw.model_history"
    return Counter(
        (model, f"{moment:%Y-%m-%d %H:%M:%S}", json.dumps(json.loads(others or "{}"), sort_keys=True), *rest)
        for model, moment, others, *rest in engine.rows(query)
    )


def _row(model_id: str, row: dict[str, str]) -> tuple[Any, ...]:
    others = {header: cell for header, cell in row.items() if cell and header not in COLUMNS}
    cells = [row.get(header) or None for header in COLUMNS if header != "Date/Time (UTC)"]
    return (model_id, row["Date/Time (UTC)"], json.dumps(others, sort_keys=True), *cells)
