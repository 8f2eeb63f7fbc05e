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

-- `last_number` is a column, so that the join below compares equal columns: the cost of a range join grows with the
-- square of the attempts of one account.
measured as (
    select n.*, n.number + r.threshold - 1 as last_number, r.minutes
    from numbered as n
    inner join finding_rules as r on n.rule = r.rule
),

-- The attempts that begin a series of `threshold` within `minutes`.
beginnings as (
    select m.rule, m.who, m.number, m.last_number
    from measured as m
    inner join measured as last_one
        on m.rule = last_one.rule and m.who = last_one.who and m.last_number = last_one.number
    where last_one.second - m.second <= m.minutes * 60
),

reached as (
    select
        m.rule, m.noun, m.who, m.user_id, m.user_name, m.user_label, m.event_id, m.occurred_at, m.number,
        b.number as begins,
        max(b.last_number) over (
            partition by m.rule, m.who order by m.number nulls first
            rows between unbounded preceding and current row
        ) as reaches_to
    from measured as m
    left join beginnings as b on m.rule = b.rule and m.who = b.who and m.number = b.number
),

-- Series that share an event are one burst.
counted as (
    select
        rule, noun, who, user_id, user_name, user_label, event_id, occurred_at, number, reaches_to,
        case
            when begins is not null
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
    e.rule,
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
