-- Failed sign-ins and refused accesses that belong to a series: at least `threshold` of one user, or of one address if
-- no user is known, within the minutes of the rule. Series that share an attempt are one.
-- grain: one row per rule and attempt in a series
-- key: rule, event_id
-- inputs: fct_sign_ins, fct_denied_access, finding_rules
with

attempts as (
    select
        'failed_sign_in_burst' as rule,
        'failed sign-ins' as noun,
        user_id, user_name, user_label, ip_address, event_id, occurred_at
    from fct_sign_ins
    where outcome = 'failure'
    union all
    select
        'denied_access_burst' as rule,
        'refused accesses' as noun,
        user_id, user_name, user_label, ip_address, event_id, occurred_at
    from fct_denied_access
),

numbered as (
    select
        rule,
        noun,
        coalesce(user_id, ip_address, 'nobody') as who,
        user_id, user_name, user_label, event_id, occurred_at,
        -- Seconds since 1970: Spark subtracts local times, which are an hour off across a clock change.
        floor(epoch(occurred_at)) as second,
        row_number() over (
            partition by rule, coalesce(user_id, ip_address, 'nobody') order by occurred_at, event_id
        ) as number
    from attempts
    where occurred_at is not null
),

-- Each attempt twice: at its own place, and at that of the attempt whose series of `threshold` it ends. A join of the
-- attempts with themselves costs the square of the attempts of one account where an engine joins by account alone.
placed as (
    select
        n.rule, n.noun, n.who, n.user_id, n.user_name, n.user_label, n.event_id, n.occurred_at, n.number, n.second,
        n.number as place,
        1 as is_attempt,
        r.threshold,
        r.minutes
    from numbered as n
    inner join finding_rules as r on n.rule = r.rule
    union all
    select
        n.rule, n.noun, n.who, cast(null as varchar) as user_id, cast(null as varchar) as user_name,
        cast(null as varchar) as user_label, cast(null as bigint) as event_id,
        cast(null as timestamptz) as occurred_at, n.number, n.second,
        n.number - r.threshold + 1 as place,
        0 as is_attempt,
        r.threshold,
        r.minutes
    from numbered as n
    inner join finding_rules as r on n.rule = r.rule
),

measured as (
    select
        p.rule, p.noun, p.who, p.user_id, p.user_name, p.user_label, p.event_id, p.occurred_at, p.number, p.second,
        p.is_attempt, p.threshold, p.minutes,
        max(case when p.is_attempt = 0 then p.second end) over (partition by p.rule, p.who, p.place) as last_second
    from placed as p
),

-- The attempts that begin a series of `threshold` within `minutes`.
beginnings as (
    select
        m.rule, m.noun, m.who, m.user_id, m.user_name, m.user_label, m.event_id, m.occurred_at, m.number,
        case when m.last_second - m.second <= m.minutes * 60 then m.number + m.threshold - 1 end as last_number
    from measured as m
    where m.is_attempt = 1
),

reached as (
    select
        b.rule, b.noun, b.who, b.user_id, b.user_name, b.user_label, b.event_id, b.occurred_at, b.number,
        b.last_number,
        max(b.last_number) over (
            partition by b.rule, b.who order by b.number nulls first
            rows between unbounded preceding and current row
        ) as reaches_to
    from beginnings as b
),

-- Series that share an event are one burst.
counted as (
    select
        rule, noun, who, user_id, user_name, user_label, event_id, occurred_at, number, reaches_to,
        case
            when last_number is not null
                and coalesce(
                    lag(reaches_to) over (partition by rule, who order by number nulls first), 0
                ) < number
                then 1
            else 0
        end as opens
    from reached
),

in_series as (
    select
        rule, noun, who, user_id, user_name, user_label, event_id, occurred_at, number, reaches_to,
        sum(opens) over (
            partition by rule, who order by number nulls first rows between unbounded preceding and current row
        ) as island
    from counted
)

select
    cast(rule as varchar) as rule,
    cast(noun as varchar) as noun,
    cast(who as varchar) as who,
    cast(island as bigint) as island,
    cast(number as bigint) as number,
    cast(user_id as varchar) as user_id,
    cast(user_name as varchar) as user_name,
    cast(user_label as varchar) as user_label,
    cast(event_id as bigint) as event_id,
    cast(occurred_at as timestamptz) as occurred_at
from in_series
where reaches_to >= number
