-- Sign-ins of one user from two countries in less time than travel takes. One finding per user and UTC day.
-- inputs: fct_sign_ins, finding_rules
with

sign_ins as (
    select
        user_id, user_name, user_label, event_day, event_id, occurred_at, network_name, country,
        lag(event_id) over (partition by user_id order by occurred_at, event_id) as event_id_before,
        lag(occurred_at) over (partition by user_id order by occurred_at, event_id) as occurred_at_before,
        lag(network_name) over (partition by user_id order by occurred_at, event_id) as network_before,
        lag(country) over (partition by user_id order by occurred_at, event_id) as country_before
    from fct_sign_ins
    where outcome = 'success' and user_id is not null and country is not null
),

journeys as (
    select
        r.rule, r.severity, s.user_id, s.user_name, s.user_label, s.event_day, s.event_id, s.event_id_before,
        s.occurred_at, s.occurred_at_before,
        concat(s.country_before, ' (', s.network_before, ') and then from ', s.country, ' (', s.network_name, ')')
            as journey,
        row_number() over (partition by s.user_id, s.event_day order by s.occurred_at, s.event_id) as number
    from sign_ins as s
    inner join finding_rules as r on r.rule = 'impossible_travel'
    where lower(s.country) <> lower(s.country_before)
        and epoch(s.occurred_at) - epoch(s.occurred_at_before) < r.minutes * 60
),

days as (
    select
        rule, severity, user_id, event_day,
        max(user_name) as user_name,
        max(user_label) as user_label,
        max(case when number = 1 then journey end) as journey,
        max(case when number = 1 then floor((epoch(occurred_at) - epoch(occurred_at_before)) / 60) end)
            as minutes_between,
        count(*) as journey_count,
        min(occurred_at_before) as started_at,
        max(occurred_at) as ended_at
    from journeys
    group by rule, severity, user_id, event_day
),

-- The end of one journey may begin the next.
ends as (
    select user_id, event_day, event_id from journeys
    union
    select user_id, event_day, event_id_before as event_id from journeys
),

numbered as (
    select
        user_id, event_day, event_id, row_number() over (partition by user_id, event_day order by event_id) as number
    from ends
),

evidence as (
    select
        user_id, event_day, count(*) as evidence_count,
        string_agg(case when number <= 20 then cast(event_id as varchar) end, ',' order by event_id nulls first)
            as event_ids
    from numbered
    group by user_id, event_day
)

select
    cast(concat(d.rule, ':', d.user_id, ':', cast(d.event_day as varchar)) as varchar) as finding_id,
    d.rule,
    d.severity,
    cast(concat(
        d.user_label, ' signed in from ', d.journey, ' within ', cast(cast(d.minutes_between as bigint) as varchar),
        ' minutes', case
            when d.journey_count = 1 then ''
            when d.journey_count = 2 then ', and changed the country once more that day'
            else concat(', and changed the country ', cast(d.journey_count - 1 as varchar), ' more times that day')
        end
    ) as varchar) as finding,
    d.user_id,
    cast(d.user_name as varchar) as user_name,
    cast(d.user_label as varchar) as user_label,
    cast(null as varchar) as target_user_id,
    cast(null as varchar) as target_user_name,
    cast(null as varchar) as target_user_label,
    cast(e.event_ids as varchar) as evidence_event_ids,
    cast(e.evidence_count as bigint) as evidence_count,
    cast(d.started_at as timestamptz) as started_at,
    cast(d.ended_at as timestamptz) as ended_at
from days as d
inner join evidence as e on d.user_id = e.user_id and d.event_day = e.event_day
