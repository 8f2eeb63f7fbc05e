-- grain: one row per action, import, export, process or data change that was run on a model
-- key: event_id
-- inputs: fct_events, event_classification
select
    e.event_id,
    e.event_day,
    e.occurred_at,
    e.event_type_id,
    e.event_message,
    s.kind,
    e.success,
    e.user_id,
    e.user_kind,
    e.user_name,
    e.user_email,
    e.workspace_id,
    e.workspace_name,
    e.model_id,
    e.model_name,
    e.object_id,
    e.object_name,
    e.action_id,
    e.action_name,
    e.action_type,
    e.process_id,
    e.process_name,
    e.sent_name,
    e.sent_type,
    e.message,
    e.ip_address,
    e.client,
    e.session_id,
    e.user_name_source,
    e.user_label,
    e.action_kind,
    e.import_name,
    -- An export without a saved action is named and typed by the event alone.
    cast(coalesce(e.export_name, case when s.kind = 'export' then coalesce(e.action_name, e.sent_name) end) as varchar)
        as export_name,
    cast(coalesce(e.export_format, case when s.kind = 'export' then e.sent_type end) as varchar) as export_format,
    e.object_status,
    e.user_key,
    e.model_key,
    e.workspace_key
from fct_events as e
inner join event_classification as s
    on e.event_type_id = s.event_type_id and s.subject = 'model_change'
