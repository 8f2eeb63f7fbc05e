-- Sizes are those of the moments at which a version of the model began: the directory tells no other.
-- grain: one row per model, of the directory or named by events
-- key: model_id
-- inputs: dim_models, int_model_usage, int_newest_day
with

sized as (
    select
        model_id,
        memory_usage,
        valid_from,
        row_number() over (partition by model_id order by version) as from_first,
        row_number() over (partition by model_id order by version desc) as from_last
    from dim_models
    where memory_usage is not null
),

sizes as (
    select
        model_id,
        max(case when from_last = 1 then memory_usage end) as size_bytes,
        max(case when from_last = 1 then valid_from end) as size_known_at,
        max(case when from_first = 1 then memory_usage end) as first_size_bytes,
        max(case when from_first = 1 then valid_from end) as first_size_at
    from sized
    group by model_id
),

first_lists as (
    select
        model_id,
        min(valid_from) as first_listed_at
    from dim_models
    group by model_id
),

measured as (
    select
        m.model_id,
        f.first_listed_at,
        u.use_day,
        floor(epoch(m.last_modified_at) / 86400) as modified_day,
        floor(epoch(m.created_at) / 86400) as created_day,
        floor(epoch(f.first_listed_at) / 86400) as listed_day
    from dim_models as m
    left join first_lists as f on m.model_id = f.model_id
    left join int_model_usage as u on m.model_id = u.model_id
    where m.is_current
),

idle as (
    select
        model_id,
        first_listed_at,
        case
            when use_day >= coalesce(modified_day, use_day) then 'event'
            when modified_day is not null then 'last change'
            when created_day is not null then 'created'
            when listed_day is not null then 'first listed'
        end as idle_since,
        case
            when use_day >= coalesce(modified_day, use_day) then use_day
            else coalesce(modified_day, created_day, listed_day)
        end as idle_since_day
    from measured
)

select
    m.model_id,
    m.model_name,
    cast(coalesce(m.model_name, m.model_id) as varchar) as model_label,
    m.workspace_id,
    m.workspace_name,
    m.active_state,
    m.is_listed,
    m.is_removed,
    cast(coalesce(u.use_count, 0) > 0 as boolean) as is_used,
    cast(case
        when d.newest_day > i.idle_since_day then d.newest_day - i.idle_since_day
        when i.idle_since_day is not null then 0
    end as bigint) as idle_days,
    cast(i.idle_since as varchar) as idle_since,
    cast(s.size_bytes as bigint) as size_bytes,
    cast(s.size_known_at as timestamptz) as size_known_at,
    cast(case when s.first_size_at < s.size_known_at then s.size_bytes - s.first_size_bytes end as bigint)
        as growth_bytes,
    cast(case when s.first_size_at < s.size_known_at then s.first_size_at end as timestamptz) as growth_since,
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
    m.last_modified_at,
    m.created_at,
    cast(i.first_listed_at as timestamptz) as first_listed_at
from dim_models as m
inner join idle as i on m.model_id = i.model_id
cross join int_newest_day as d
left join sizes as s on m.model_id = s.model_id
left join int_model_usage as u on m.model_id = u.model_id
where m.is_current
