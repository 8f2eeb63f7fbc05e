"""What the figures count, as SQL conditions. `report` and the dashboard use these; docs/metrics.md explains them."""

# Ids that are in no list, and integrations of Anaplan itself, are users but not people.
PERSON = "user_kind = 'person'"
UNLISTED = "user_kind = 'unknown'"
SIGN_IN = "kind = 'sign_in'"
PAGE = "kind in ('board', 'worksheet', 'report', 'dashboard')"
IDLE_DAYS = 30
# People who need a licence. Whether they may sign in is unknown on some tenants.
LICENCE = f"{PERSON} and not is_removed and coalesce(is_active, true)"
IDLE_LICENCE = f"{LICENCE} and (usage_class in ('dormant', 'never came') or idle_days >= {IDLE_DAYS})"
IDLE_MODEL = f"is_listed and not is_removed and (not is_used or idle_days >= {IDLE_DAYS})"
