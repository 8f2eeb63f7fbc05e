"""One person and one model: what is only asked on their pages."""

from sqlglot import exp

from ..filters import Filters
from .shapes import DETAILS, Query, count_if, newest_rows, select

EVENTS = (
    "occurred_at, event_message, success, user_label, target_user_label, object_name, workspace_name, model_name,"
    " ip_address, client, message, user_id, target_user_id, model_id, event_id"
)


def listed_people(filters: Filters) -> Query:
    """Return the people of the log and the directory, those seen last first."""
    return select(
        "select user_label, usage_class, user_email, last_seen_at, event_count, sign_in_count, failed_sign_in_count,"
        " user_id from user_activity order by case when last_seen_at is null then 1 else 0 end, last_seen_at desc,"
        f" user_id limit {DETAILS}",
        filters.chosen_users(),
    )


def person(filters: Filters) -> Query:
    """Return what is known of the chosen users, up to the newest event."""
    return select(
        "select user_label, user_email, user_kind, usage_class, is_active, is_removed, is_seen, idle_days, created_at,"
        " first_listed_at, first_seen_at, last_seen_at, last_login_at, event_count, sign_in_count,"
        " failed_sign_in_count, page_visit_count, model_change_count, active_days_30, user_id from user_activity",
        filters.chosen_users(),
    )


def addresses(filters: Filters) -> Query:
    """Return ip_address, network_name, country, client, sign_ins, failures, first_at, last_at; the newest first."""
    return select(
        f"select ip_address, network_name, country, client, {count_if(_DONE, 'sign_ins')},"
        f" {count_if(_REFUSED, 'failures')},"
        " min(occurred_at) as first_at, max(occurred_at) as last_at from fct_sign_ins where kind = 'sign_in'"
        " group by ip_address, network_name, country, client"
        f" order by last_at desc, ip_address, client limit {DETAILS}",
        filters.conditions(places=False),
    )


def listed_models(filters: Filters) -> Query:
    """Return the models of the log and the directory, those used last first."""
    return select(
        "select model_label, workspace_name, active_state, is_removed, last_use_at, use_count, user_count, size_bytes,"
        " model_id from model_activity order by case when last_use_at is null then 1 else 0 end, last_use_at desc,"
        f" model_id limit {DETAILS}",
        filters.chosen_places(),
    )


def model(filters: Filters) -> Query:
    """Return what is known of the chosen models, up to the newest event."""
    return select(
        "select model_label, workspace_name, active_state, is_listed, is_removed, idle_days, size_bytes, growth_bytes,"
        " growth_since, created_at, first_listed_at, last_use_at, last_change_at, last_user_label, event_count,"
        " use_count, change_count, user_count, model_id from model_activity",
        filters.chosen_places(),
    )


def versions(filters: Filters) -> Query:
    """Return the names, states and workspaces of the chosen models, the newest version first."""
    return select(
        "select model_name, active_state, workspace_name, valid_from, valid_to, is_current, is_removed,"
        f" last_modified_by, version, model_id from dim_models order by model_id, version desc limit {DETAILS}",
        _models(filters),
    )


def actions(filters: Filters) -> Query:
    """Return the actions, imports, exports and processes of the chosen models as they are now."""
    return select(
        "select kind, action_name, action_type, import_type, import_source_name, export_format, step_count, is_removed,"
        " valid_from, action_id, model_id from dim_actions where is_current"
        f" order by is_removed, kind, action_name, action_id limit {DETAILS}",
        _models(filters),
    )


def history(filters: Filters) -> Query:
    """Return the newest changes inside the chosen models, from model history."""
    return select(
        "select changed_at, user_name, change_kind, object_kind, description, module_or_list, line_item_or_property,"
        " item, previous_value, new_value, model_name, user_id, model_id from fct_model_history"
        f" order by changed_at desc, transaction_id desc, item limit {DETAILS}",
        [filters.span("change_day"), *filters.chosen_places(), *filters.chosen_users()],
    )


def events(filters: Filters, users: tuple[str, ...]) -> Query:
    """Return the newest events; `users` are the columns in which a chosen user is searched."""
    return newest_rows(EVENTS, "fct_events", filters.conditions(users=users))


def _models(filters: Filters) -> list[exp.Condition]:
    literals = [exp.Literal.string(value) for value in filters.models]
    return [exp.column("model_id").isin(*literals)] if literals else []


_DONE, _REFUSED = "outcome = 'success'", "outcome = 'failure'"
