-- The recent days of each user.
-- grain: one row per day and user
-- key: event_day, user_id
-- inputs: agg_daily_users
select
    event_day,
    user_id
from agg_daily_users
