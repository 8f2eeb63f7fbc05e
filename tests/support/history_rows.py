"""Raw rows of models' own history: each kind of change that tests look at."""

from typing import Any

from tests.support.lists_of_models import COPY, PLAN, SALES
from tests.support.raw_rows import Row, at


def change(number: int, moment: str | None, description: str | None, model: str = PLAN, **more: Any) -> Row:
    """Return a row of a model's history."""
    when = at(moment) if moment else None
    row: Row = {
        "history_row_id": f"row-{number:03}",
        "model_id": model,
        "workspace_id": SALES,
        "transaction_id": str(number),
    }
    row |= {"changed_at": when, "change_day": when.date() if when else None, "description": description}
    return {**row, "user_name": "ANN@x.com", "loaded_at": at("2026-03-10 00:00"), **more}


# Expected beside each row: kind of change, kind of object, number of objects.
EXPECTED: list[tuple[Row, str, str, int]] = [
    (change(1, "2026-03-02 08:00", "Add Line Item", new_value="Growth"), "added", "line_item", 1),
    (change(2, "2026-03-02 08:01", "120 Item(s) Deleted", module_or_list="SKU"), "deleted", "list_item", 120),
    (change(3, "2026-03-02 08:02", "Breakback data change affecting 17 cells"), "changed", "cell", 1),
    (change(4, "2026-03-02 08:03", "<model successfully restored>"), "restored", "model", 1),
    (
        change(5, "2026-03-03 08:00", "Add Line Item Read Access Driver Write Access Driver", item="A", customer="B"),
        "added",
        "access_driver",
        1,
    ),
    (
        change(6, "2026-03-03 08:01", "User Role Changed", target_user="Bob Bee", new_value="Full Access"),
        "changed",
        "user_role",
        1,
    ),
    (
        change(7, "2026-03-03 08:02", "Change Line Item", previous_value="A", new_value="B", user_name="nobody"),
        "changed",
        "line_item",
        1,
    ),
    (change(8, "2026-03-03 08:03", "Optimise Storage Layout"), "unknown", "unknown", 1),
    (change(9, "2026-03-03 08:04", None), "unknown", "unknown", 1),
    (change(10, "2026-03-03 08:05", "99 User(s) Added", COPY, **{"import": "HR"}), "added", "user", 99),
    (change(11, "2026-03-03 08:06", "Rename Saved View", COPY, customer="C1"), "renamed", "saved_view", 1),
    (change(12, "2026-03-03 08:07", "1234567890123 Item(s) Added", COPY), "added", "list_item", 1),
    (change(13, "2026-03-04 08:00", "Delete Role", COPY), "deleted", "role", 1),
]
ROWS: list[Row] = [row for row, *_ in EXPECTED]
NO_MOMENT = change(90, None, "Add Module")


def reads(moment: str = "2026-03-10 01:00") -> list[Row]:
    """Return what is known of the models' files."""
    return [
        {"model_id": model, "status": "complete", "stored_rows": len(ROWS), "read_at": at(moment)}
        for model in (PLAN, COPY)
    ]


HISTORY: dict[str, list[Row]] = {"model_history": [*ROWS, NO_MOMENT], "model_history_reads": reads()}
