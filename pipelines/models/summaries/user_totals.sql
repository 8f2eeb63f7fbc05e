-- The days before the recent ones; `int_user_usage` adds the recent ones.
-- grain: one row per user and last model of a day
-- key: user_id, last_model_id, last_model_name
-- inputs: agg_daily_users
select
    user_id,
    last_model_id,
    last_model_name,
    cast(max(event_day) as date) as last_day,
    cast(sum(event_count) as bigint) as event_count,
    cast(sum(sign_in_count) as bigint) as sign_in_count,
    cast(sum(failed_sign_in_count) as bigint) as failed_sign_in_count,
    cast(sum(page_visit_count) as bigint) as page_visit_count,
    cast(sum(model_change_count) as bigint) as model_change_count,
    cast(min(first_at) as timestamptz) as first_seen_at,
    cast(max(last_at) as timestamptz) as last_seen_at,
    cast(max(last_sign_in_at) as timestamptz) as last_sign_in_at,
    cast(max(last_page_visit_at) as timestamptz) as last_page_visit_at,
    cast(max(last_data_change_at) as timestamptz) as last_data_change_at,
    cast(max(last_action_at) as timestamptz) as last_action_at,
    cast(max(last_build_at) as timestamptz) as last_build_at
from agg_daily_users
group by user_id, last_model_id, last_model_name
