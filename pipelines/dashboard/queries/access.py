"""Access that people have: the roles they hold."""

from ..filters import Filters
from .shapes import DETAILS, Query, select


def role_assignments(filters: Filters) -> Query:
    """Return who holds or held which role: first those held now, newest first."""
    columns = (
        "user_label, role_label, model_name, is_held, from_at, granted_by, to_at, end_reason, ended_by, user_id,"
        " assignment_id"
    )
    order = f"order by case when is_held then 0 else 1 end, from_at desc, assignment_id limit {DETAILS}"
    return select(f"select {columns} from role_assignments {order}", filters.chosen_users())
