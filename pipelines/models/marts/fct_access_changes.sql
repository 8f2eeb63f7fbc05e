-- grain: one row per change, or attempted change, of a role, membership, user account or connection
-- key: event_id
-- inputs: fct_events, event_subjects
select
    cast(e.event_id as bigint) as event_id,
    cast(e.event_day as date) as event_day,
    cast(e.occurred_at as timestamptz) as occurred_at,
    cast(e.event_type_id as varchar) as event_type_id,
    cast(e.event_message as varchar) as event_message,
    cast(s.kind as varchar) as kind,
    cast(s.action as varchar) as action,
    cast(case when e.success = false and s.outcome = 'done' then 'failed' else s.outcome end as varchar) as outcome,
    cast(e.user_id as varchar) as user_id,
    cast(e.user_kind as varchar) as user_kind,
    cast(e.user_name as varchar) as user_name,
    cast(e.user_email as varchar) as user_email,
    cast(e.target_user_id as varchar) as target_user_id,
    cast(e.target_user_name as varchar) as target_user_name,
    cast(e.target_user_email as varchar) as target_user_email,
    cast(coalesce(e.user_id = e.target_user_id, false) as boolean) as is_on_self,
    cast(e.role_id as varchar) as role_id,
    cast(e.role_name as varchar) as role_name,
    cast(e.workspace_id as varchar) as workspace_id,
    cast(e.workspace_name as varchar) as workspace_name,
    cast(e.model_id as varchar) as model_id,
    cast(e.model_name as varchar) as model_name,
    cast(e.object_id as varchar) as object_id,
    cast(e.object_name as varchar) as object_name,
    cast(e.message as varchar) as message,
    cast(e.ip_address as varchar) as ip_address,
    cast(e.client as varchar) as client
from fct_events as e
inner join event_subjects as s
    on e.event_type_id = s.event_type_id and s.subject = 'access_change'
