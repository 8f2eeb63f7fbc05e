-- Deprecated: the name that `event_classification` had. Kept for one release.
-- grain: one row per event code
-- key: event_type_id
-- inputs: event_classification
select
    event_type_id,
    subject,
    kind,
    action,
    outcome
from event_classification
