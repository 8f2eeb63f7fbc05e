-- A successful sign-in that ends a series of failed ones of the same user.
-- inputs: fct_sign_ins, finding_rules
with

attempts as (
    select
        user_id,
        user_name,
        user_label,
        event_id,
        occurred_at,
        -- Seconds since 1970: Spark subtracts local times, which are an hour off across a clock change.
        floor(epoch(occurred_at)) as second,
        outcome,
        -- The same for a success and for the failures before it.
        coalesce(sum(case when outcome = 'success' then 1 else 0 end) over (
            partition by user_id order by occurred_at nulls first, event_id nulls first
            rows between unbounded preceding and 1 preceding
        ), 0) as series
    from fct_sign_ins
    where outcome in ('success', 'failure') and user_id is not null and occurred_at is not null
),

-- A series has one success at most, and all its failures are before it.
ended as (
    select
        a.user_id,
        a.event_id,
        a.occurred_at,
        a.second,
        a.outcome,
        max(case when a.outcome = 'success' then a.event_id end) over (partition by a.user_id, a.series) as success_id,
        max(case when a.outcome = 'success' then a.occurred_at end) over (partition by a.user_id, a.series)
            as success_at,
        max(case when a.outcome = 'success' then a.second end) over (partition by a.user_id, a.series)
            as success_second,
        max(case when a.outcome = 'success' then a.user_name end) over (partition by a.user_id, a.series)
            as user_name,
        max(case when a.outcome = 'success' then a.user_label end) over (partition by a.user_id, a.series)
            as user_label
    from attempts as a
),

evidence as (
    select
        e.user_id,
        e.user_name,
        e.user_label,
        e.success_id,
        e.success_at,
        e.event_id,
        e.occurred_at,
        r.rule,
        r.severity,
        r.threshold,
        row_number() over (partition by e.success_id order by e.occurred_at desc, e.event_id desc) as number
    from ended as e
    inner join finding_rules as r on r.rule = 'success_after_failures'
    where e.outcome = 'failure' and e.success_second - e.second <= r.minutes * 60
)

select
    cast(concat(max(rule), ':', cast(success_id as varchar)) as varchar) as finding_id,
    cast(max(rule) as varchar) as rule,
    cast(max(severity) as varchar) as severity,
    cast(concat(
        'Sign-in of ', max(user_label), ' after ', cast(count(*) as varchar), ' failed ones'
    ) as varchar) as finding,
    cast(max(user_id) as varchar) as user_id,
    cast(max(user_name) as varchar) as user_name,
    cast(max(user_label) as varchar) as user_label,
    cast(null as varchar) as target_user_id,
    cast(null as varchar) as target_user_name,
    cast(null as varchar) as target_user_label,
    cast(concat(
        string_agg(case when number < 20 then cast(event_id as varchar) end, ',' order by event_id nulls first),
        ',', cast(success_id as varchar)
    ) as varchar) as evidence_event_ids,
    cast(count(*) + 1 as bigint) as evidence_count,
    cast(min(occurred_at) as timestamptz) as started_at,
    cast(max(success_at) as timestamptz) as ended_at
from evidence
group by success_id
having count(*) >= max(threshold)
