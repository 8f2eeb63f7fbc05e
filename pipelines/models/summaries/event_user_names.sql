-- grain: one row per user and name that an event gives the user
-- key: user_id, user_name
-- inputs: stg_event_names
select
    user_id,
    user_name,
    cast(min(first_day) as date) as first_day,
    cast(max(last_day) as date) as last_day,
    cast(max(named_at) as timestamptz) as named_at
from stg_event_names
group by user_id, user_name
