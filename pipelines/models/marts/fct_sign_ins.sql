-- grain: one row per sign-in attempt, sign-out or time-out
-- key: event_id
-- inputs: fct_events, event_classification, dim_addresses
select
    e.event_id,
    e.event_day,
    e.occurred_at,
    e.event_type_id,
    s.kind,
    s.outcome,
    cast(coalesce(e.user_id, e.target_user_id) as varchar) as user_id,
    cast(case when e.user_id is null then coalesce(e.target_user_kind, e.user_kind) else e.user_kind end as varchar)
        as user_kind,
    cast(coalesce(e.user_name, case when e.user_id is null then e.target_user_name end) as varchar) as user_name,
    cast(coalesce(e.user_email, case when e.user_id is null then e.target_user_email end) as varchar) as user_email,
    e.tenant_id,
    e.ip_address,
    e.client,
    e.user_agent,
    e.session_id,
    e.host_name,
    e.message,
    e.error_number,
    cast(case when e.user_id is null then coalesce(e.target_user_name_source, 'none') else e.user_name_source end
        as varchar) as user_name_source,
    cast(case when e.user_id is null then e.target_user_label else e.user_label end as varchar) as user_label,
    cast(coalesce(e.user_key, e.target_user_key) as varchar) as user_key,
    a.network_name,
    a.country
from fct_events as e
inner join event_classification as s
    on e.event_type_id = s.event_type_id and s.subject = 'sign_in'
left join dim_addresses as a on e.ip_address = a.ip_address
