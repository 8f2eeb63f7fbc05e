-- What each user did in the whole log. "The last 30 days" count back from the newest event, not from today, so that
-- equal events give an equal table.
-- grain: one row per user who did something
-- key: user_id
-- inputs: agg_daily_users
with

as_of as (
    select max(event_day) as newest_day from agg_daily_users
),

activity as (
    select
        user_id,
        max(event_day) as last_day,
        min(first_at) as first_seen_at,
        max(last_at) as last_seen_at,
        max(last_sign_in_at) as last_sign_in_at,
        max(last_page_visit_at) as last_page_visit_at,
        max(last_data_change_at) as last_data_change_at,
        max(last_action_at) as last_action_at,
        max(last_build_at) as last_build_at,
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
    cast(a.user_id as varchar) as user_id,
    cast(a.last_day as date) as last_day,
    cast(a.active_days_7 as bigint) as active_days_7,
    cast(a.active_days_30 as bigint) as active_days_30,
    cast(a.active_days_90 as bigint) as active_days_90,
    cast(a.event_count as bigint) as event_count,
    cast(a.sign_in_count as bigint) as sign_in_count,
    cast(a.failed_sign_in_count as bigint) as failed_sign_in_count,
    cast(a.page_visit_count as bigint) as page_visit_count,
    cast(a.model_change_count as bigint) as model_change_count,
    cast(a.first_seen_at as timestamptz) as first_seen_at,
    cast(a.last_seen_at as timestamptz) as last_seen_at,
    cast(a.last_sign_in_at as timestamptz) as last_sign_in_at,
    cast(a.last_page_visit_at as timestamptz) as last_page_visit_at,
    cast(a.last_data_change_at as timestamptz) as last_data_change_at,
    cast(a.last_action_at as timestamptz) as last_action_at,
    cast(a.last_build_at as timestamptz) as last_build_at,
    cast(m.last_model_id as varchar) as last_model_id,
    cast(m.last_model_name as varchar) as last_model_name
from activity as a
left join model_days as m on a.user_id = m.user_id and m.newest = 1
