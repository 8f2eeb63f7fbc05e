"""The raw tables of model history: every change inside a model, and what is known of each model's file."""

from ..raw_table import Column, Table

MODEL_HISTORY = Table(
    "model_history",
    "What changed inside models, from their history exports.",
    "one row per row of a model's history",
    ("history_row_id",),
    "merged on `history_row_id`; never dropped",
    [
        Column(
            "history_row_id",
            "text",
            None,
            "hash of model and content, followed by `-2`, `-3`, … for further equal rows of the model",
            False,
        ),
        Column("model_id", "text", None, "model, as in `models.id`", False),
        Column("workspace_id", "text", None, "workspace that contained the model when the row was loaded"),
        Column("transaction_id", "text", None, "`ID`: number of the saved transaction, which can have many rows"),
        Column("changed_at", "timestamp", None, "`Date/Time (UTC)`: when the change was saved; empty if unreadable"),
        Column("change_day", "date", None, "UTC day of `changed_at`: partition key"),
        Column("user_name", "text", None, "`User`: e-mail address or name, as sent"),
        Column("description", "text", None, "`Description`: kind of the change, as sent"),
        Column("previous_value", "text", None, "`Previous Value`: value or formula before the change"),
        Column("new_value", "text", None, "`New Value`: value or formula after the change"),
        Column("module_or_list", "text", None, "`Module/List`: module or list that was changed"),
        Column("line_item_or_property", "text", None, "`Line Item/Property`: line item or property that was changed"),
        Column("item", "text", None, "`Item` or `List Item`: list item that was changed, if the file names it"),
        Column("customer", "text", None, "`Customer`: item of that list"),
        Column("export", "text", None, "`Export`: export action"),
        Column("import", "text", None, "`Import`: import action"),
        Column("data_types", "text", None, "`Data Types`: types of the imported data"),
        Column("table_name", "text", None, "`Table Name`: table of the data source"),
        Column("object", "text", None, "`Object`: other object, such as an action or a dashboard"),
        Column("target_user", "text", None, "`Target User`: user whom the change affected, as sent"),
        Column("other_columns", "json", None, "cells of all other columns that are not empty, by header"),
        Column("loaded_at", "timestamp", None, "start of the run that loaded the row (UTC)"),
    ],
)

MODEL_HISTORY_READS = Table(
    "model_history_reads",
    "What is known of each model's history file, for the next run.",
    "one row per model",
    ("model_id",),
    "merged on `model_id`",
    [
        Column("model_id", "text", None, "model, as in `models.id`", False),
        Column("workspace_id", "text", None, "workspace of the model at the last attempt"),
        Column("export_id", "text", None, "export action that wrote the file"),
        Column("export_name", "text", None, "name of that action"),
        Column("row_count", "bigint", None, "rows of the file that was last read completely"),
        Column(
            "digest",
            "text",
            None,
            "privacy form, hash, number and newest transaction of the rows when all were last parsed, to verify them",
        ),
        Column("file_mark", "text", None, "hash of its header, size and hash of its rest; empty below 1 MB"),
        Column("newest_transaction_id", "text", None, "transaction of its newest row"),
        Column("stored_rows", "bigint", None, "rows of the model in `model_history` after that read"),
        Column("last_saved_serial_number", "bigint", None, "serial number of the model at the last attempt"),
        Column("read_at", "timestamp", None, "when the model was last attempted (UTC)"),
        Column(
            "status",
            "text",
            None,
            "`complete`, `failed`, `cancelled`, `slow` (no end before `model_history_timeout`), `unreadable`, "
            "`no_export` or `forbidden`",
        ),
        Column("error", "text", None, "why the last attempt failed; empty if it did not"),
    ],
)

HISTORY_TABLES = (MODEL_HISTORY, MODEL_HISTORY_READS)
