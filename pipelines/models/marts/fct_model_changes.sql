-- grain: one row per action, import, export, process or data change that was run on a model
-- key: event_id
-- inputs: fct_events, event_subjects
select
    cast(e.event_id as bigint) as event_id,
    cast(e.event_day as date) as event_day,
    cast(e.occurred_at as timestamptz) as occurred_at,
    cast(e.event_type_id as varchar) as event_type_id,
    cast(e.event_message as varchar) as event_message,
    cast(s.kind as varchar) as kind,
    cast(e.success as boolean) as success,
    cast(e.user_id as varchar) as user_id,
    cast(e.user_kind as varchar) as user_kind,
    cast(e.user_name as varchar) as user_name,
    cast(e.user_email as varchar) as user_email,
    cast(e.workspace_id as varchar) as workspace_id,
    cast(e.workspace_name as varchar) as workspace_name,
    cast(e.model_id as varchar) as model_id,
    cast(e.model_name as varchar) as model_name,
    cast(e.object_id as varchar) as object_id,
    cast(e.object_name as varchar) as object_name,
    cast(e.action_id as varchar) as action_id,
    cast(e.action_name as varchar) as action_name,
    cast(e.action_type as varchar) as action_type,
    cast(e.process_id as varchar) as process_id,
    cast(e.process_name as varchar) as process_name,
    cast(e.sent_name as varchar) as sent_name,
    cast(e.sent_type as varchar) as sent_type,
    cast(e.message as varchar) as message,
    cast(e.ip_address as varchar) as ip_address,
    cast(e.client as varchar) as client,
    cast(e.session_id as varchar) as session_id
from fct_events as e
inner join event_subjects as s
    on e.event_type_id = s.event_type_id and s.subject = 'model_change'
