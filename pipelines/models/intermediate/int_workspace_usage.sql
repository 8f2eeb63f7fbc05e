-- How much each workspace was used, over the whole log and in the 30 days that end with the newest event.
-- grain: one row per workspace in which something happened
-- key: workspace_id
-- inputs: agg_daily_model_users, int_newest_day
with

dated as (
    select
        a.*,
        case when a.user_kind <> 'system' and a.use_count > 0 then a.user_id end as person_id,
        date_diff('day', cast('1970-01-01' as date), a.event_day) as day_number,
        row_number() over (
            partition by a.workspace_id
            order by
                case when a.last_use_at is null then 1 else 0 end, a.last_use_at desc, a.user_id nulls first,
                a.event_day desc
        ) as newest_use
    from agg_daily_model_users as a
    where a.workspace_id is not null
),

recent as (
    select
        t.*,
        case when d.newest_day - t.day_number < 30 then 1 else 0 end as is_recent
    from dated as t
    cross join int_newest_day as d
)

select
    workspace_id,
    cast(sum(event_count) as bigint) as event_count,
    cast(sum(use_count) as bigint) as use_count,
    cast(sum(use_count * is_recent) as bigint) as use_count_30,
    cast(sum(visit_count) as bigint) as visit_count,
    cast(sum(change_count) as bigint) as change_count,
    cast(count(distinct person_id) as bigint) as user_count,
    cast(count(distinct case when is_recent = 1 then person_id end) as bigint) as user_count_30,
    cast(count(distinct case when use_count > 0 and is_recent = 1 then event_day end) as bigint) as active_days_30,
    cast(max(case when use_count > 0 then day_number end) as bigint) as use_day,
    cast(max(case when newest_use = 1 and use_count > 0 then user_id end) as varchar) as last_user_id,
    cast(max(case when newest_use = 1 and use_count > 0 then user_label end) as varchar) as last_user_label,
    cast(max(last_use_at) as timestamptz) as last_use_at,
    cast(max(last_visit_at) as timestamptz) as last_visit_at,
    cast(max(last_change_at) as timestamptz) as last_change_at
from recent
group by workspace_id
