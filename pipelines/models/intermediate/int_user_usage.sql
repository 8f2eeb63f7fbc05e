-- What each user did in the whole log. "The last 30 days" count back from the newest event, not from today, so that
-- equal events give an equal table.
-- grain: one row per user who did something
-- key: user_id
-- inputs: user_totals, int_recent_user_days
with

as_of as (
    select max(last_day) as newest_day from user_totals
),

totals as (
    select
        user_id,
        max(last_day) as last_day,
        min(first_seen_at) as first_seen_at,
        max(last_seen_at) as last_seen_at,
        max(last_sign_in_at) as last_sign_in_at,
        max(last_page_visit_at) as last_page_visit_at,
        max(last_data_change_at) as last_data_change_at,
        max(last_action_at) as last_action_at,
        max(last_build_at) as last_build_at,
        sum(event_count) as event_count,
        sum(sign_in_count) as sign_in_count,
        sum(failed_sign_in_count) as failed_sign_in_count,
        sum(page_visit_count) as page_visit_count,
        sum(model_change_count) as model_change_count
    from user_totals
    group by user_id
),

recent as (
    select
        user_id,
        sum(case when date_diff('day', event_day, newest_day) < 7 then 1 else 0 end) as active_days_7,
        sum(case when date_diff('day', event_day, newest_day) < 30 then 1 else 0 end) as active_days_30,
        sum(case when date_diff('day', event_day, newest_day) < 90 then 1 else 0 end) as active_days_90
    from int_recent_user_days
    cross join as_of
    group by user_id
),

last_models as (
    select
        user_id,
        last_model_id,
        last_model_name,
        row_number() over (partition by user_id order by last_day desc) as newest
    from user_totals
    where last_model_id is not null
)

select
    cast(a.user_id as varchar) as user_id,
    cast(a.last_day as date) as last_day,
    cast(coalesce(r.active_days_7, 0) as bigint) as active_days_7,
    cast(coalesce(r.active_days_30, 0) as bigint) as active_days_30,
    cast(coalesce(r.active_days_90, 0) as bigint) as active_days_90,
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
from totals as a
left join recent as r on a.user_id = r.user_id
left join last_models as m on a.user_id = m.user_id and m.newest = 1
