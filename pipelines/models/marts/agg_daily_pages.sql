-- grain: one row per day and opened app, page, dashboard or model
-- key: event_day, kind, object_id
-- inputs: fct_page_visits
select
    event_day,
    kind,
    object_id,
    cast(max(object_name) as varchar) as object_name,
    cast(max(app_id) as varchar) as app_id,
    cast(max(app_name) as varchar) as app_name,
    cast(max(page_id) as varchar) as page_id,
    cast(max(page_name) as varchar) as page_name,
    cast(max(model_id) as varchar) as model_id,
    cast(max(model_name) as varchar) as model_name,
    cast(count(*) as bigint) as visit_count,
    cast(count(distinct user_id) as bigint) as user_count,
    -- Deprecated names of measures, kept for one release.
    cast(count(*) as bigint) as visits,
    cast(count(distinct user_id) as bigint) as users
from fct_page_visits
group by event_day, kind, object_id
