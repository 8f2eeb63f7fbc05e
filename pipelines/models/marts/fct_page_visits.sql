-- grain: one row per opened app, page, dashboard or model
-- key: event_id
-- inputs: fct_events, event_classification
select
    e.event_id,
    e.event_day,
    e.occurred_at,
    e.event_type_id,
    s.kind,
    e.user_id,
    e.user_kind,
    e.user_name,
    e.user_email,
    e.workspace_id,
    e.workspace_name,
    e.model_id,
    e.model_name,
    e.app_id,
    e.app_name,
    e.page_id,
    e.page_name,
    cast(case
        when s.kind = 'dashboard' and e.page_id is not null then concat(e.object_id, '/', e.page_id)
        else e.object_id
    end as varchar) as object_id,
    cast(case when s.kind = 'dashboard' and e.page_id is not null then e.page_name else e.object_name end as varchar)
        as object_name,
    e.client,
    e.session_id,
    e.user_name_source,
    e.user_label,
    e.user_key,
    e.model_key,
    e.workspace_key
from fct_events as e
inner join event_classification as s
    on e.event_type_id = s.event_type_id and s.subject = 'page_visit'
where coalesce(e.success, true)
