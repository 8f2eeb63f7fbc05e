-- grain: one row per change, or attempted change, of a role, membership, user account or connection
-- key: event_id
-- inputs: fct_events, event_classification
select
    e.event_id,
    e.event_day,
    e.occurred_at,
    e.event_type_id,
    e.event_message,
    s.kind,
    s.action,
    cast(case when e.success = false and s.outcome = 'done' then 'failed' else s.outcome end as varchar) as outcome,
    e.user_id,
    e.user_kind,
    e.user_name,
    e.user_email,
    e.target_user_id,
    e.target_user_name,
    e.target_user_email,
    cast(coalesce(e.user_id = e.target_user_id, false) as boolean) as is_on_self,
    e.role_id,
    e.role_name,
    e.workspace_id,
    e.workspace_name,
    e.model_id,
    e.model_name,
    e.object_id,
    e.object_name,
    e.message,
    e.ip_address,
    e.client,
    e.user_name_source,
    e.user_label,
    e.target_user_name_source,
    e.target_user_label,
    e.user_key,
    e.target_user_key,
    e.model_key,
    e.workspace_key
from fct_events as e
inner join event_classification as s
    on e.event_type_id = s.event_type_id and s.subject = 'access_change'
