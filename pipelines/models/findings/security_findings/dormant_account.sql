-- The first day of a person after a long time without an event.
-- inputs: agg_daily_users, dim_users, finding_rules
with

days as (
    select
        user_id, user_kind, event_day, first_event_id, last_event_id, event_count, first_at, last_at,
        lag(event_day) over (partition by user_id order by event_day) as day_before
    from agg_daily_users
),

returns as (
    select
        user_id, event_day, first_event_id, last_event_id, event_count, first_at, last_at,
        date_diff('day', day_before, event_day) as days_since
    from days
    where user_kind = 'person' and day_before is not null
)

select
    cast(concat(r.rule, ':', d.user_id, ':', cast(d.event_day as varchar)) as varchar) as finding_id,
    r.rule,
    r.severity,
    cast(concat(
        coalesce(u.user_label, d.user_id), ' returned after ', cast(d.days_since - 1 as varchar),
        ' days without an event'
    ) as varchar) as finding,
    d.user_id,
    u.user_name,
    u.user_label,
    cast(null as varchar) as target_user_id,
    cast(null as varchar) as target_user_name,
    cast(null as varchar) as target_user_label,
    cast(concat(cast(d.first_event_id as varchar), ',', cast(d.last_event_id as varchar)) as varchar)
        as evidence_event_ids,
    d.event_count as evidence_count,
    d.first_at as started_at,
    d.last_at as ended_at
from returns as d
inner join finding_rules as r on r.rule = 'dormant_account' and d.days_since > r.days
left join dim_users as u on d.user_id = u.user_id and u.is_current
