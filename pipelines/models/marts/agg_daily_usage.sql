-- grain: one row per day, workspace, model and category of events
-- key: event_day, workspace_id, model_id, event_category
-- inputs: fct_events
select
    event_day,
    workspace_id,
    cast(max(workspace_name) as varchar) as workspace_name,
    model_id,
    cast(max(model_name) as varchar) as model_name,
    event_category,
    cast(count(*) as bigint) as event_count,
    cast(count(distinct user_id) as bigint) as user_count,
    cast(sum(case when success = false then 1 else 0 end) as bigint) as failure_count,
    -- Deprecated names of measures, kept for one release.
    cast(count(*) as bigint) as events,
    cast(count(distinct user_id) as bigint) as users,
    cast(sum(case when success = false then 1 else 0 end) as bigint) as failures
from fct_events
group by event_day, workspace_id, model_id, event_category
