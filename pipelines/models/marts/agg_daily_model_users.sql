-- grain: one row per day, workspace, model and user, where a workspace or model is known
-- key: event_day, workspace_id, model_id, user_id
-- inputs: fct_events, event_uses
with

used as (
    select
        e.event_day,
        e.workspace_id,
        e.workspace_name,
        e.model_id,
        e.model_name,
        e.user_id,
        e.user_kind,
        e.user_label,
        e.occurred_at,
        -- A refused or failed attempt is no use.
        case when coalesce(e.success, true) then u.kind_of_use end as kind_of_use
    from fct_events as e
    left join event_uses as u on e.event_type_id = u.event_type_id
    where e.workspace_id is not null or e.model_id is not null
)

select
    event_day,
    workspace_id,
    model_id,
    user_id,
    cast(max(workspace_name) as varchar) as workspace_name,
    cast(max(model_name) as varchar) as model_name,
    cast(max(user_kind) as varchar) as user_kind,
    cast(max(user_label) as varchar) as user_label,
    cast(count(*) as bigint) as event_count,
    cast(sum(case when kind_of_use is not null then 1 else 0 end) as bigint) as use_count,
    cast(sum(case when kind_of_use = 'visit' then 1 else 0 end) as bigint) as visit_count,
    cast(sum(case when kind_of_use in ('data', 'action', 'build') then 1 else 0 end) as bigint) as change_count,
    cast(max(case when kind_of_use is not null then occurred_at end) as timestamptz) as last_use_at,
    cast(max(case when kind_of_use = 'visit' then occurred_at end) as timestamptz) as last_visit_at,
    cast(max(case when kind_of_use in ('data', 'action', 'build') then occurred_at end) as timestamptz)
        as last_change_at
from used
group by event_day, workspace_id, model_id, user_id
