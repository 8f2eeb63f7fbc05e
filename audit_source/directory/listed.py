"""What the directory of this run lists, for the details that are read afterwards."""

import hashlib
from dataclasses import dataclass

import pyarrow as pa

from ..schema import MODELS, USERS, Table
from .content_plan import ListedModel


@dataclass
class Listed:
    """Lists that were read and applied. None for a list that was not.

    Attributes:
        models (List[ListedModel]): The models.
        users_digest (str): Hash of the versions of the users.
        tenant_is_unsure (bool): Whether the users did not confirm the known tenant.
    """

    models: list[ListedModel] | None = None
    users_digest: str | None = None
    tenant_is_unsure: bool = False

    def note(self, table: Table, rows: pa.Table | None, tenant_is_unsure: bool) -> None:
        """Keep what the details need of a list."""
        self.tenant_is_unsure = self.tenant_is_unsure or tenant_is_unsure
        if rows is None:
            return
        if table is USERS:
            versions = sorted(rows["row_version"].to_pylist())
            self.users_digest = hashlib.sha256("".join(versions).encode()).hexdigest()
        elif table is MODELS:
            self.models = [_listed_model(row) for row in rows.select(_COLUMNS).to_pylist()]


_COLUMNS = ["id", "current_workspace_id", "last_saved_serial_number", "last_modified", "active_state"]


def _listed_model(row: dict[str, object]) -> ListedModel:
    model_id, workspace_id, serial, modified, state = (row[name] for name in _COLUMNS)
    return ListedModel(
        str(model_id),
        None if workspace_id is None else str(workspace_id),
        serial if isinstance(serial, int) else None,
        None if modified is None else int(modified.timestamp() * 1000),  # type: ignore[attr-defined]
        state == "ARCHIVED",
    )
