-- Refused access of one user, or of one address where no user is known, again and again in a short time.
-- inputs: fct_denied_access, finding_rules
with

numbered as (
    select
        coalesce(d.user_id, d.ip_address, 'nobody') as who,
        d.user_id,
        d.user_name,
        d.event_id,
        d.occurred_at,
        date_trunc('second', d.occurred_at at time zone 'UTC') as second,
        row_number() over (
            partition by coalesce(d.user_id, d.ip_address, 'nobody') order by d.occurred_at, d.event_id
        ) as number
    from fct_denied_access as d
    where d.occurred_at is not null
),

-- `last_number` is a column, so that the join below is one of equal columns: by a range it would grow with the square
-- of the refusals of one account.
refusals as (
    select n.*, n.number + r.threshold - 1 as last_number, r.minutes
    from numbered as n
    inner join finding_rules as r on r.rule = 'denied_access_burst'
),

-- The refusals that begin a series of `threshold` within `minutes`.
beginnings as (
    select r.who, r.number, r.last_number
    from refusals as r
    inner join refusals as last_one on r.who = last_one.who and r.last_number = last_one.number
    where date_diff('second', r.second, last_one.second) <= r.minutes * 60
),

reached as (
    select
        r.who, r.user_id, r.user_name, r.event_id, r.occurred_at, r.number,
        b.number as begins,
        max(b.last_number) over (
            partition by r.who order by r.number nulls first rows between unbounded preceding and current row
        ) as reaches_to
    from refusals as r
    left join beginnings as b on r.who = b.who and r.number = b.number
),

-- Series that share an event are one burst.
counted as (
    select
        who, user_id, user_name, event_id, occurred_at, number, reaches_to,
        case
            when begins is not null
                and coalesce(lag(reaches_to) over (partition by who order by number nulls first), 0) < number
                then 1
            else 0
        end as opens
    from reached
),

in_series as (
    select
        who, user_id, user_name, event_id, occurred_at, number, reaches_to,
        sum(opens) over (
            partition by who order by number nulls first rows between unbounded preceding and current row
        ) as island
    from counted
),

evidence as (
    select
        who, island, user_id, user_name, event_id, occurred_at,
        row_number() over (partition by who, island order by number nulls first) as place
    from in_series
    where reaches_to >= number
)

select
    cast(concat(
        max(r.rule), ':', cast(max(case when e.place = 1 then e.event_id end) as varchar)
    ) as varchar) as finding_id,
    cast(max(r.rule) as varchar) as rule,
    cast(max(r.severity) as varchar) as severity,
    cast(concat(cast(count(*) as varchar), ' refused accesses of ', coalesce(max(e.user_name), e.who)) as varchar)
        as finding,
    cast(max(e.user_id) as varchar) as user_id,
    cast(max(e.user_name) as varchar) as user_name,
    cast(null as varchar) as target_user_id,
    cast(null as varchar) as target_user_name,
    cast(string_agg(
        case when e.place <= 20 then cast(e.event_id as varchar) end, ',' order by e.event_id nulls first
    ) as varchar) as evidence_event_ids,
    cast(count(*) as bigint) as evidence_count,
    cast(min(e.occurred_at) as timestamptz) as started_at,
    cast(max(e.occurred_at) as timestamptz) as ended_at
from evidence as e
inner join finding_rules as r on r.rule = 'denied_access_burst'
group by e.who, e.island
