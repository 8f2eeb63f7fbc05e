-- Days for which loads brought events.
-- grain: one row per UTC day
-- key: event_day
-- inputs: event_days
select
    d.event_day,
    d.loaded_at
from event_days as d
