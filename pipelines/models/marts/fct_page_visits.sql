-- grain: one row per opened app, page, dashboard or model
-- key: event_id
-- inputs: fct_events, event_subjects
select
    cast(e.event_id as bigint) as event_id,
    cast(e.event_day as date) as event_day,
    cast(e.occurred_at as timestamptz) as occurred_at,
    cast(e.event_type_id as varchar) as event_type_id,
    cast(s.kind as varchar) as kind,
    cast(e.user_id as varchar) as user_id,
    cast(e.user_kind as varchar) as user_kind,
    cast(e.user_name as varchar) as user_name,
    cast(e.user_email as varchar) as user_email,
    cast(e.workspace_id as varchar) as workspace_id,
    cast(e.workspace_name as varchar) as workspace_name,
    cast(e.model_id as varchar) as model_id,
    cast(e.model_name as varchar) as model_name,
    cast(e.app_id as varchar) as app_id,
    cast(e.app_name as varchar) as app_name,
    cast(e.page_id as varchar) as page_id,
    cast(e.page_name as varchar) as page_name,
    cast(case
        when s.kind = 'dashboard' and e.page_id is not null then concat(e.object_id, '/', e.page_id)
        else e.object_id
    end as varchar) as object_id,
    cast(case when s.kind = 'dashboard' and e.page_id is not null then e.page_name else e.object_name end as varchar)
        as object_name,
    cast(e.client as varchar) as client,
    cast(e.session_id as varchar) as session_id
from fct_events as e
inner join event_subjects as s
    on e.event_type_id = s.event_type_id and s.subject = 'page_visit'
where coalesce(e.success, true)
