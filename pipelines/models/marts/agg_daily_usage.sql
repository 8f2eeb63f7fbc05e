-- grain: one row per day, workspace, model and category of events
-- key: event_day, workspace_id, model_id, event_category
-- inputs: fct_events
select
    cast(event_day as date) as event_day,
    cast(workspace_id as varchar) as workspace_id,
    cast(max(workspace_name) as varchar) as workspace_name,
    cast(model_id as varchar) as model_id,
    cast(max(model_name) as varchar) as model_name,
    cast(event_category as varchar) as event_category,
    cast(count(*) as bigint) as events,
    cast(count(distinct user_id) as bigint) as users,
    cast(sum(case when success = false then 1 else 0 end) as bigint) as failures
from fct_events
group by event_day, workspace_id, model_id, event_category
