-- grain: one row per user, of the directory or seen in events
-- key: user_id
-- inputs: agg_daily_users, dim_users
with

-- "The last 30 days" count back from the newest event, not from today, so that equal events give an equal table.
as_of as (
    select max(event_day) as newest_day from agg_daily_users
),

activity as (
    select
        user_id,
        max(newest_day) as newest_day,
        min(event_day) as first_day,
        max(event_day) as last_day,
        cast(min(first_at) as timestamptz) as first_seen_at,
        cast(max(last_at) as timestamptz) as last_seen_at,
        cast(max(last_sign_in_at) as timestamptz) as last_sign_in_at,
        sum(case when date_diff('day', event_day, newest_day) < 7 then 1 else 0 end) as active_days_7,
        sum(case when date_diff('day', event_day, newest_day) < 30 then 1 else 0 end) as active_days_30,
        sum(case when date_diff('day', event_day, newest_day) < 90 then 1 else 0 end) as active_days_90,
        sum(event_count) as event_count,
        sum(sign_in_count) as sign_in_count,
        sum(failed_sign_in_count) as failed_sign_in_count,
        sum(page_visit_count) as page_visit_count,
        sum(model_change_count) as model_change_count
    from agg_daily_users
    cross join as_of
    group by user_id
),

model_days as (
    select
        user_id,
        last_model_id,
        last_model_name,
        row_number() over (partition by user_id order by event_day desc) as newest
    from agg_daily_users
    where last_model_id is not null
)

select
    u.user_id,
    u.user_name,
    u.email as user_email,
    u.kind as user_kind,
    m.last_model_id,
    m.last_model_name,
    cast(coalesce(a.active_days_7, 0) as bigint) as active_days_7,
    cast(coalesce(a.active_days_30, 0) as bigint) as active_days_30,
    cast(coalesce(a.active_days_90, 0) as bigint) as active_days_90,
    cast(coalesce(a.event_count, 0) as bigint) as event_count,
    cast(coalesce(a.sign_in_count, 0) as bigint) as sign_in_count,
    cast(coalesce(a.failed_sign_in_count, 0) as bigint) as failed_sign_in_count,
    cast(coalesce(a.page_visit_count, 0) as bigint) as page_visit_count,
    cast(coalesce(a.model_change_count, 0) as bigint) as model_change_count,
    cast(date_diff('day', a.last_day, a.newest_day) as bigint) as days_idle,
    u.is_active,
    u.is_removed,
    cast(a.user_id is not null as boolean) as is_seen,
    a.first_seen_at,
    a.last_seen_at,
    a.last_sign_in_at,
    u.last_login_at,
    -- Deprecated names of measures, kept for one release.
    cast(coalesce(a.event_count, 0) as bigint) as events,
    cast(coalesce(a.sign_in_count, 0) as bigint) as sign_ins,
    cast(coalesce(a.failed_sign_in_count, 0) as bigint) as failed_sign_ins,
    cast(coalesce(a.page_visit_count, 0) as bigint) as page_visits,
    cast(coalesce(a.model_change_count, 0) as bigint) as model_changes
from dim_users as u
left join activity as a on u.user_id = a.user_id
left join model_days as m on u.user_id = m.user_id and m.newest = 1
where u.is_current
