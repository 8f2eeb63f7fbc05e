-- Failed sign-ins or refused accesses of one user, or of one address where no user is known, in a short time.
-- inputs: fct_sign_ins, fct_denied_access, finding_rules
with

attempts as (
    select
        'failed_sign_in_burst' as rule,
        'failed sign-ins' as noun,
        user_id,
        user_name, user_label,
        ip_address,
        event_id,
        occurred_at
    from fct_sign_ins
    where outcome = 'failure'
    union all
    select
        'denied_access_burst' as rule,
        'refused accesses' as noun,
        user_id,
        user_name, user_label,
        ip_address,
        event_id,
        occurred_at
    from fct_denied_access
),

numbered as (
    select
        rule,
        noun,
        coalesce(user_id, ip_address, 'nobody') as who,
        user_id,
        user_name, user_label,
        event_id,
        occurred_at,
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
),

evidence as (
    select
        rule, noun, who, island, user_id, user_name, user_label, event_id, occurred_at,
        row_number() over (partition by rule, who, island order by number nulls first) as place
    from in_series
    where reaches_to >= number
)

select
    cast(concat(e.rule, ':', cast(max(case when e.place = 1 then e.event_id end) as varchar)) as varchar) as finding_id,
    cast(e.rule as varchar) as rule,
    cast(max(r.severity) as varchar) as severity,
    cast(concat(
        cast(count(*) as varchar), ' ', max(e.noun), ' of ', coalesce(max(e.user_label), e.who)
    ) as varchar) as finding,
    cast(max(e.user_id) as varchar) as user_id,
    cast(max(e.user_name) as varchar) as user_name,
    cast(max(e.user_label) as varchar) as user_label,
    cast(null as varchar) as target_user_id,
    cast(null as varchar) as target_user_name,
    cast(null as varchar) as target_user_label,
    cast(string_agg(
        case when e.place <= 20 then cast(e.event_id as varchar) end, ',' order by e.event_id nulls first
    ) as varchar) as evidence_event_ids,
    cast(count(*) as bigint) as evidence_count,
    cast(min(e.occurred_at) as timestamptz) as started_at,
    cast(max(e.occurred_at) as timestamptz) as ended_at
from evidence as e
inner join finding_rules as r on e.rule = r.rule
group by e.rule, e.who, e.island
