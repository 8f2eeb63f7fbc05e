-- The first sign-in of the log with a program, by an account that runs integrations: its programs rarely change.
-- inputs: fct_sign_ins, fct_integration_runs, finding_rules
with

accounts as (
    select distinct user_id
    from fct_integration_runs
    where user_id is not null
),

sign_ins as (
    select
        user_id, user_name, user_label, client, event_id, occurred_at,
        row_number() over (partition by user_id order by occurred_at, event_id) as number,
        row_number() over (partition by user_id, client order by occurred_at, event_id) as number_of_client
    from fct_sign_ins
    where outcome = 'success' and client is not null
)

select
    cast(concat(r.rule, ':', cast(s.event_id as varchar)) as varchar) as finding_id,
    r.rule,
    r.severity,
    cast(concat(
        s.user_label, ', who runs integrations, signed in with ', s.client, ' for the first time in the log'
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
inner join accounts as a on s.user_id = a.user_id
inner join finding_rules as r on r.rule = 'new_client'
where s.number_of_client = 1 and s.number > r.threshold
