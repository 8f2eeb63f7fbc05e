"""What the figures count, as SQL conditions. `report` and the dashboard use these; docs/metrics.md explains them."""

# Ids that are in no list, and integrations of Anaplan itself, are users but not people.
PERSON = "user_kind = 'person'"
UNLISTED = "user_kind = 'unknown'"
SIGN_IN = "kind = 'sign_in'"
PAGE = "kind in ('board', 'worksheet', 'report', 'dashboard')"
# A user who used something. A refused or failed attempt is no use.
USED = "use_count > 0"
ADMINISTRATOR = "role_kind = 'tenant_role' and lower(role_label) like '%admin%'"
# A session that has an id may be continued on the next day; one without has a row of its own.
SESSION = "coalesce(session_id, cast(first_event_id as varchar))"
IDLE_DAYS = 30
# People who need a licence. Whether they may sign in is unknown on some tenants.
LICENCE = f"{PERSON} and not is_removed and coalesce(is_active, true)"
NEVER_CAME = "usage_class = 'never came'"


def newest_name(column: str) -> str:
    """Return SQL for the name on the newest day that has one, because things are renamed.

    Days are texts of equal length in every database, so the maximum of day and name is the newest.
    """
    dated = f"case when {column} is not null then concat(cast(event_day as varchar), {column}) end"
    return f"substr(max({dated}), 11)"


def idle_licence(days: int = IDLE_DAYS) -> str:
    """Return the condition for people who need a licence and did nothing for so many days."""
    return f"{LICENCE} and (usage_class in ('dormant', 'never came') or idle_days >= {int(days)})"


def idle_thing(days: int = IDLE_DAYS) -> str:
    """Return the condition for models and workspaces of the lists that nobody used for so many days, or ever."""
    return f"is_listed and not is_removed and (not is_used or idle_days >= {int(days)})"
