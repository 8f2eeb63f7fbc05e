-- The days before the recent ones; `int_model_usage` and `int_workspace_usage` add the recent ones.
-- grain: one row per workspace, model and user, under one name and kind of the user
-- key: workspace_id, model_id, user_id, user_kind, user_label
-- inputs: agg_daily_model_users
select
    workspace_id,
    model_id,
    user_id,
    user_kind,
    user_label,
    cast(max(event_day) as date) as last_day,
    cast(max(case when use_count > 0 then event_day end) as date) as last_use_day,
    cast(sum(event_count) as bigint) as event_count,
    cast(sum(use_count) as bigint) as use_count,
    cast(sum(visit_count) as bigint) as visit_count,
    cast(sum(change_count) as bigint) as change_count,
    cast(max(last_use_at) as timestamptz) as last_use_at,
    cast(max(last_visit_at) as timestamptz) as last_visit_at,
    cast(max(last_change_at) as timestamptz) as last_change_at
from agg_daily_model_users
group by workspace_id, model_id, user_id, user_kind, user_label
