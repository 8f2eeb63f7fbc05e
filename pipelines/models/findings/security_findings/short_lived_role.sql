-- A role that was taken from a user soon after it was given.
-- inputs: int_role_events, dim_users, finding_rules
with

steps as (
    select
        event_id, occurred_at, action, user_id, user_label, target_user_id, role_name, role_key,
        lead(action) over (
            partition by target_user_id, kind, model_id, role_key order by occurred_at, event_id
        ) as next_action,
        lead(event_id) over (
            partition by target_user_id, kind, model_id, role_key order by occurred_at, event_id
        ) as next_event_id,
        lead(occurred_at) over (
            partition by target_user_id, kind, model_id, role_key order by occurred_at, event_id
        ) as next_at
    from int_role_events
),

ended as (
    select
        event_id, occurred_at, user_id, user_label, target_user_id, role_name, role_key, next_event_id, next_at,
        -- Seconds since 1970: Spark subtracts local times, which are an hour off across a clock change.
        floor(epoch(next_at)) - floor(epoch(occurred_at)) as seconds
    from steps
    where action = 'granted' and next_action = 'revoked'
)

select
    cast(concat(r.rule, ':', cast(s.event_id as varchar)) as varchar) as finding_id,
    r.rule,
    r.severity,
    cast(concat(
        'Role ', coalesce(s.role_name, s.role_key), ' of ', coalesce(t.user_label, s.target_user_id),
        ' was taken after ', cast(cast(floor(s.seconds / 60) as bigint) as varchar),
        ' minutes; ', coalesce(s.user_label, 'nobody known'), ' had given it'
    ) as varchar) as finding,
    s.user_id,
    u.user_name,
    s.user_label,
    s.target_user_id,
    t.user_name as target_user_name,
    t.user_label as target_user_label,
    cast(concat(cast(s.event_id as varchar), ',', cast(s.next_event_id as varchar)) as varchar) as evidence_event_ids,
    cast(2 as bigint) as evidence_count,
    s.occurred_at as started_at,
    cast(s.next_at as timestamptz) as ended_at
from ended as s
inner join finding_rules as r on r.rule = 'short_lived_role'
left join dim_users as u on s.user_id = u.user_id and u.is_current
left join dim_users as t on s.target_user_id = t.user_id and t.is_current
where s.seconds <= r.minutes * 60
