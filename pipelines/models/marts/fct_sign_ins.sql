-- grain: one row per sign-in attempt, sign-out or time-out
-- key: event_id
-- inputs: fct_events, event_subjects
select
    cast(e.event_id as bigint) as event_id,
    cast(e.event_day as date) as event_day,
    cast(e.occurred_at as timestamptz) as occurred_at,
    cast(e.event_type_id as varchar) as event_type_id,
    cast(s.kind as varchar) as kind,
    cast(s.outcome as varchar) as outcome,
    cast(coalesce(e.user_id, e.target_user_id) as varchar) as user_id,
    cast(case when e.user_id is null then coalesce(e.target_user_kind, e.user_kind) else e.user_kind end as varchar)
        as user_kind,
    cast(coalesce(e.user_name, case when e.user_id is null then e.target_user_name end) as varchar) as user_name,
    cast(coalesce(e.user_email, case when e.user_id is null then e.target_user_email end) as varchar) as user_email,
    cast(e.tenant_id as varchar) as tenant_id,
    cast(e.ip_address as varchar) as ip_address,
    cast(e.client as varchar) as client,
    cast(e.user_agent as varchar) as user_agent,
    cast(e.session_id as varchar) as session_id,
    cast(e.host_name as varchar) as host_name,
    cast(e.message as varchar) as message,
    cast(e.error_number as varchar) as error_number
from fct_events as e
inner join event_subjects as s
    on e.event_type_id = s.event_type_id and s.subject = 'sign_in'
