-- A day on which a person was active well before or after the hours (UTC) of all their days before.
-- inputs: agg_daily_users, dim_users, finding_rules
with

days as (
    select
        user_id, event_day, first_event_id, last_event_id, event_count, first_at, last_at,
        -- Seconds since midnight (UTC): a cast to a time would follow the session's time zone.
        floor(epoch(first_at)) - 86400 * date_diff('day', cast('1970-01-01' as date), event_day) as first_second,
        floor(epoch(last_at)) - 86400 * date_diff('day', cast('1970-01-01' as date), event_day) as last_second
    from agg_daily_users
    where user_kind = 'person' and first_at is not null
),

compared as (
    select
        d.user_id, d.event_day, d.first_event_id, d.last_event_id, d.event_count, d.first_at, d.last_at,
        d.first_second, d.last_second,
        row_number() over (partition by d.user_id order by d.event_day) as number,
        min(d.first_second) over (
            partition by d.user_id order by d.event_day nulls first rows between unbounded preceding and 1 preceding
        ) as earliest,
        max(d.last_second) over (
            partition by d.user_id order by d.event_day nulls first rows between unbounded preceding and 1 preceding
        ) as latest
    from days as d
)

select
    cast(concat(r.rule, ':', c.user_id, ':', cast(c.event_day as varchar)) as varchar) as finding_id,
    r.rule,
    r.severity,
    cast(concat(
        coalesce(u.user_label, c.user_id), ' was active outside the hours of their ', cast(c.number - 1 as varchar),
        ' days before'
    ) as varchar) as finding,
    c.user_id,
    u.user_name,
    u.user_label,
    cast(null as varchar) as target_user_id,
    cast(null as varchar) as target_user_name,
    cast(null as varchar) as target_user_label,
    cast(concat(cast(c.first_event_id as varchar), ',', cast(c.last_event_id as varchar)) as varchar)
        as evidence_event_ids,
    c.event_count as evidence_count,
    c.first_at as started_at,
    c.last_at as ended_at
from compared as c
inner join finding_rules as r on r.rule = 'unusual_hours' and c.number > r.threshold
left join dim_users as u on c.user_id = u.user_id and u.is_current
where c.earliest - c.first_second > r.minutes * 60 or c.last_second - c.latest > r.minutes * 60
