-- The recent days of each user in each workspace and model.
-- grain: one row per day, workspace, model and user
-- key: event_day, workspace_id, model_id, user_id
-- inputs: agg_daily_model_users
select
    event_day,
    workspace_id,
    model_id,
    use_count,
    cast(case when user_kind <> 'system' and use_count > 0 then user_id end as varchar) as person_id,
    cast(date_diff('day', cast('1970-01-01' as date), event_day) as bigint) as day_number
from agg_daily_model_users
