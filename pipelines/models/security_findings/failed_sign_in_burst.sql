-- Failed sign-ins of one user, or of one address where no user is known, in a short time.
-- inputs: fct_sign_ins, finding_rules
with

failures as (
    select
        coalesce(f.user_id, f.ip_address, 'nobody') as who,
        f.user_id,
        f.user_name,
        f.event_id,
        f.occurred_at,
        date_trunc('second', f.occurred_at at time zone 'UTC') as second,
        row_number() over (
            partition by coalesce(f.user_id, f.ip_address, 'nobody') order by f.occurred_at, f.event_id
        ) as number
    from fct_sign_ins as f
    where f.outcome = 'failure' and f.occurred_at is not null
),

-- The failures that begin a series of `threshold` within `minutes`.
beginnings as (
    select
        f.who,
        f.number,
        r.threshold,
        f.number - lag(f.number) over (partition by f.who order by f.number) as step
    from failures as f
    inner join finding_rules as r on r.rule = 'failed_sign_in_burst'
    inner join failures as last_one
        on f.who = last_one.who
        and last_one.number = f.number + r.threshold - 1
    where date_diff('second', f.second, last_one.second) <= r.minutes * 60
),

-- Series that share an event are one burst.
series as (
    select
        who, number, threshold,
        sum(case when step < threshold then 0 else 1 end) over (
            partition by who order by number nulls first rows between unbounded preceding and current row
        ) as burst
    from beginnings
),

bursts as (
    select who, burst, min(number) as first_number, max(number) + max(threshold) - 1 as last_number
    from series
    group by who, burst
),

evidence as (
    select b.who, b.burst, b.first_number, f.number, f.user_id, f.user_name, f.event_id, f.occurred_at
    from bursts as b
    inner join failures as f on b.who = f.who and f.number between b.first_number and b.last_number
)

select
    cast(concat(
        max(r.rule), ':', cast(max(case when e.number = e.first_number then e.event_id end) as varchar)
    ) as varchar) as finding_id,
    cast(max(r.rule) as varchar) as rule,
    cast(max(r.severity) as varchar) as severity,
    cast(concat(cast(count(*) as varchar), ' failed sign-ins of ', coalesce(max(e.user_name), e.who)) as varchar)
        as finding,
    cast(max(e.user_id) as varchar) as user_id,
    cast(max(e.user_name) as varchar) as user_name,
    cast(null as varchar) as target_user_id,
    cast(null as varchar) as target_user_name,
    cast(string_agg(
        case when e.number < e.first_number + 20 then cast(e.event_id as varchar) end,
        ',' order by e.event_id nulls first
    ) as varchar) as evidence_event_ids,
    cast(count(*) as bigint) as evidence_count,
    cast(min(e.occurred_at) as timestamptz) as started_at,
    cast(max(e.occurred_at) as timestamptz) as ended_at
from evidence as e
inner join finding_rules as r on r.rule = 'failed_sign_in_burst'
group by e.who, e.burst
