"""What a raw table is: its columns, their types and meaning, as Arrow and dlt need them."""

from typing import Any, NamedTuple

import pyarrow as pa

from .field_types import FIELD_TYPES


class Column(NamedTuple):
    """One column. `data_type` is a key of `FIELD_TYPES`, `field` the key in the API's JSON, or None without one."""

    name: str
    data_type: str
    field: str | None
    description: str
    nullable: bool = True


class Table(NamedTuple):
    """One raw table. `key` is unique, `written` says how loads write it. With `history`, dlt keeps versions (SCD2)."""

    name: str
    description: str
    grain: str
    key: tuple[str, ...]
    written: str
    columns: list[Column]
    history: bool = False

    @property
    def arrow_schema(self) -> pa.Schema:
        """The columns as an Arrow schema."""
        return pa.schema(
            pa.field(column.name, FIELD_TYPES[column.data_type].arrow, nullable=column.nullable)
            for column in self.columns
        )

    @property
    def json_hints(self) -> dict[str, Any]:
        """The JSON columns, which an Arrow schema cannot mark. No other hints, since dlt checks each for every page."""
        return {column.name: {"data_type": "json"} for column in self.columns if column.data_type == "json"}

    @property
    def comment(self) -> str:
        """The comment of the table in the destination."""
        return f"{self.description} {self.grain[0].upper()}{self.grain[1:]}. Key: {', '.join(self.key)}."

    @property
    def all_columns(self) -> list[Column]:
        """The columns, and the validity columns that dlt adds for SCD2."""
        return [*self.columns, *VALIDITY] if self.history else self.columns

    @property
    def dlt_description(self) -> Any:
        """The table and its columns as dlt declares them, without types and keys, which a load decides."""
        columns = {one.name: {"name": one.name, "description": one.description} for one in self.all_columns}
        # dlt writes `description` as a comment on Databricks, and the other key on BigQuery.
        return {
            "name": self.name,
            "description": self.comment,
            "x-bigquery-table-description": self.comment,
            "columns": columns,
        }

    @property
    def dlt_columns(self) -> dict[str, Any]:
        """Every column for dlt, which creates the table from them even if a load has no rows."""
        return {
            column.name: {
                "name": column.name,
                "data_type": column.data_type,
                "nullable": column.nullable,
                "description": column.description,
            }
            for column in self.columns
        }


# Added by dlt's SCD2.
VALIDITY = (
    Column("_dlt_valid_from", "timestamp", None, "when a load first found this version (UTC)"),
    Column(
        "_dlt_valid_to",
        "timestamp",
        None,
        "when a load found this version changed or deleted (UTC); empty for the current version",
    ),
)
