"""Licences: what their holders do, and who and what is idle."""

from pipelines.common.figures import IDLE_LICENCE, IDLE_MODEL, LICENCE

from ..filters import Filters
from .shapes import DETAILS, Query, select


def usage_classes(filters: Filters) -> Query:
    """Return usage_class, people: people who may sign in, by what they did up to the newest event."""
    return select(
        f"select usage_class, count(*) as people from user_activity where {LICENCE} group by usage_class"
        " order by people desc, usage_class",
        filters.chosen_users(),
    )


def idle_users(filters: Filters) -> Query:
    """Return the people with an idle licence, longest idle first."""
    columns = "user_label, usage_class, idle_days, idle_since, last_seen_at, last_login_at, user_email, user_id"
    order = f"order by idle_days desc, user_id limit {DETAILS}"
    return select(f"select {columns} from user_activity where {IDLE_LICENCE} {order}", filters.chosen_users())


def idle_models(filters: Filters) -> Query:
    """Return the idle models, longest idle first."""
    columns = (
        "model_label, workspace_name, active_state, idle_days, idle_since, use_count, user_count, size_bytes,"
        " growth_bytes, last_use_at, last_user_label, model_id"
    )
    where, order = f"where {IDLE_MODEL}", f"order by idle_days desc, model_id limit {DETAILS}"
    return select(f"select {columns} from model_activity {where} {order}", filters.chosen_places())
