-- How much each workspace was used, over the whole log and in the 30 days that end with the newest event.
-- grain: one row per workspace in which something happened
-- key: workspace_id
-- inputs: model_user_totals, int_recent_model_days, int_newest_day
with

ranked as (
    select
        a.*,
        case when a.user_kind <> 'system' and a.use_count > 0 then a.user_id end as person_id,
        row_number() over (
            partition by a.workspace_id
            order by
                case when a.last_use_at is null then 1 else 0 end, a.last_use_at desc, a.user_id nulls first,
                a.last_day desc, a.user_label
        ) as newest_use
    from model_user_totals as a
    where a.workspace_id is not null
),

totals as (
    select
        workspace_id,
        sum(event_count) as event_count,
        sum(use_count) as use_count,
        sum(visit_count) as visit_count,
        sum(change_count) as change_count,
        count(distinct person_id) as user_count,
        max(date_diff('day', cast('1970-01-01' as date), last_use_day)) as use_day,
        max(case when newest_use = 1 and use_count > 0 then user_id end) as last_user_id,
        max(case when newest_use = 1 and use_count > 0 then user_label end) as last_user_label,
        max(last_use_at) as last_use_at,
        max(last_visit_at) as last_visit_at,
        max(last_change_at) as last_change_at
    from ranked
    group by workspace_id
),

recent as (
    select
        r.workspace_id,
        sum(r.use_count) as use_count_30,
        count(distinct r.person_id) as user_count_30,
        count(distinct case when r.use_count > 0 then r.event_day end) as active_days_30
    from int_recent_model_days as r
    cross join int_newest_day as d
    where r.workspace_id is not null and d.newest_day - r.day_number < 30
    group by r.workspace_id
)

select
    t.workspace_id,
    cast(t.event_count as bigint) as event_count,
    cast(t.use_count as bigint) as use_count,
    cast(coalesce(r.use_count_30, 0) as bigint) as use_count_30,
    cast(t.visit_count as bigint) as visit_count,
    cast(t.change_count as bigint) as change_count,
    cast(t.user_count as bigint) as user_count,
    cast(coalesce(r.user_count_30, 0) as bigint) as user_count_30,
    cast(coalesce(r.active_days_30, 0) as bigint) as active_days_30,
    cast(t.use_day as bigint) as use_day,
    cast(t.last_user_id as varchar) as last_user_id,
    cast(t.last_user_label as varchar) as last_user_label,
    cast(t.last_use_at as timestamptz) as last_use_at,
    cast(t.last_visit_at as timestamptz) as last_visit_at,
    cast(t.last_change_at as timestamptz) as last_change_at
from totals as t
left join recent as r on t.workspace_id = r.workspace_id
