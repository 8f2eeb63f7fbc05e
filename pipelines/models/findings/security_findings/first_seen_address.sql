-- The first sign-in of the log from an address, by a user who had been given an administrator role.
-- inputs: fct_sign_ins, fct_access_changes, finding_rules
with

granted as (
    select c.target_user_id, min(c.occurred_at) as granted_at
    from fct_access_changes as c
    inner join finding_rules as r on r.rule = 'first_seen_address'
    where c.outcome = 'done' and c.action = 'granted' and lower(c.role_name) like r.role_pattern
    group by c.target_user_id
),

sign_ins as (
    select
        user_id,
        user_name,
        user_label,
        ip_address,
        event_id,
        occurred_at,
        row_number() over (partition by user_id order by occurred_at, event_id) as number,
        row_number() over (partition by user_id, ip_address order by occurred_at, event_id) as number_from_address
    from fct_sign_ins
    where outcome = 'success' and ip_address is not null
)

select
    cast(concat(r.rule, ':', cast(s.event_id as varchar)) as varchar) as finding_id,
    r.rule,
    r.severity,
    cast(concat(
        s.user_label, ' signed in from ', s.ip_address, ' for the first time in the log'
    ) as varchar) as finding,
    s.user_id,
    s.user_name,
    s.user_label,
    cast(null as varchar) as target_user_id,
    cast(null as varchar) as target_user_name,
    cast(null as varchar) as target_user_label,
    cast(s.event_id as varchar) as evidence_event_ids,
    cast(1 as bigint) as evidence_count,
    s.occurred_at as started_at,
    s.occurred_at as ended_at
from sign_ins as s
inner join granted as g on s.user_id = g.target_user_id and s.occurred_at >= g.granted_at
inner join finding_rules as r on r.rule = 'first_seen_address'
where s.number_from_address = 1 and s.number > r.threshold
