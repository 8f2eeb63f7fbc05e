-- Sizes are those of the moments at which a version of the workspace began: the directory tells no other.
-- grain: one row per workspace, of the directory or named by events or models
-- key: workspace_id
-- inputs: dim_workspaces, model_activity, int_workspace_usage, int_newest_day
with

sized as (
    select
        workspace_id,
        current_size,
        valid_from,
        row_number() over (partition by workspace_id order by version) as from_first,
        row_number() over (partition by workspace_id order by version desc) as from_last
    from dim_workspaces
    where current_size is not null
),

sizes as (
    select
        workspace_id,
        max(case when from_last = 1 then current_size end) as size_bytes,
        max(case when from_last = 1 then valid_from end) as size_known_at,
        max(case when from_first = 1 then current_size end) as first_size_bytes,
        max(case when from_first = 1 then valid_from end) as first_size_at
    from sized
    group by workspace_id
),

first_lists as (
    select
        workspace_id,
        min(valid_from) as first_listed_at
    from dim_workspaces
    group by workspace_id
),

contained as (
    select
        workspace_id,
        count(*) as model_count,
        sum(case when is_used then 0 else 1 end) as unused_model_count,
        sum(size_bytes) as models_size_bytes
    from model_activity
    where is_listed and not is_removed and workspace_id is not null
    group by workspace_id
),

idle as (
    select
        f.workspace_id,
        f.first_listed_at,
        case
            when u.use_day is not null then 'event' when f.first_listed_at is not null then 'first listed'
        end as idle_since,
        coalesce(u.use_day, floor(epoch(f.first_listed_at) / 86400)) as idle_since_day
    from first_lists as f
    left join int_workspace_usage as u on f.workspace_id = u.workspace_id
)

select
    w.workspace_id,
    w.workspace_name,
    cast(coalesce(w.workspace_name, w.workspace_id) as varchar) as workspace_label,
    w.is_active,
    w.is_listed,
    w.is_removed,
    cast(coalesce(u.use_count, 0) > 0 as boolean) as is_used,
    cast(case
        when d.newest_day > i.idle_since_day then d.newest_day - i.idle_since_day
        when i.idle_since_day is not null then 0
    end as bigint) as idle_days,
    cast(i.idle_since as varchar) as idle_since,
    w.size_allowance,
    cast(s.size_bytes as bigint) as size_bytes,
    cast(s.size_known_at as timestamptz) as size_known_at,
    cast(case when s.first_size_at < s.size_known_at then s.size_bytes - s.first_size_bytes end as bigint)
        as growth_bytes,
    cast(case when s.first_size_at < s.size_known_at then s.first_size_at end as timestamptz) as growth_since,
    cast(coalesce(m.model_count, 0) as bigint) as model_count,
    cast(coalesce(m.unused_model_count, 0) as bigint) as unused_model_count,
    cast(m.models_size_bytes as bigint) as models_size_bytes,
    cast(coalesce(u.event_count, 0) as bigint) as event_count,
    cast(coalesce(u.use_count, 0) as bigint) as use_count,
    cast(coalesce(u.use_count_30, 0) as bigint) as use_count_30,
    cast(coalesce(u.visit_count, 0) as bigint) as visit_count,
    cast(coalesce(u.change_count, 0) as bigint) as change_count,
    cast(coalesce(u.user_count, 0) as bigint) as user_count,
    cast(coalesce(u.user_count_30, 0) as bigint) as user_count_30,
    cast(coalesce(u.active_days_30, 0) as bigint) as active_days_30,
    u.last_user_id,
    u.last_user_label,
    u.last_use_at,
    u.last_visit_at,
    u.last_change_at,
    cast(i.first_listed_at as timestamptz) as first_listed_at
from dim_workspaces as w
inner join idle as i on w.workspace_id = i.workspace_id
cross join int_newest_day as d
left join sizes as s on w.workspace_id = s.workspace_id
left join contained as m on w.workspace_id = m.workspace_id
left join int_workspace_usage as u on w.workspace_id = u.workspace_id
where w.is_current
