-- Far more exports of a user in a day than on the days before, as far as the log reaches back.
-- inputs: fct_model_changes, agg_daily_users, finding_rules
with

exports as (
    select
        user_id,
        user_name,
        event_day,
        event_id,
        occurred_at,
        row_number() over (partition by user_id, event_day order by occurred_at, event_id) as number
    from fct_model_changes
    where kind = 'export' and user_id is not null and coalesce(success, true)
),

days as (
    select
        user_id,
        event_day,
        max(user_name) as user_name,
        count(*) as exports,
        string_agg(
            case when number <= 20 then cast(event_id as varchar) end, ',' order by event_id nulls first
        ) as event_ids,
        min(event_id) as first_event_id,
        min(occurred_at) as started_at,
        max(occurred_at) as ended_at
    from exports
    group by user_id, event_day
),

log as (
    select min(event_day) as first_day from agg_daily_users
),

compared as (
    select
        d.user_id,
        d.event_day,
        coalesce(sum(b.exports), 0) as exports_before,
        least(max(r.days), date_diff('day', max(log.first_day), d.event_day)) as days_before
    from days as d
    cross join log
    inner join finding_rules as r on r.rule = 'export_spike'
    left join days as b
        on d.user_id = b.user_id and b.event_day < d.event_day
        and date_diff('day', b.event_day, d.event_day) <= r.days
    group by d.user_id, d.event_day
)

select
    cast(concat(r.rule, ':', cast(d.first_event_id as varchar)) as varchar) as finding_id,
    cast(r.rule as varchar) as rule,
    cast(r.severity as varchar) as severity,
    cast(concat(
        cast(d.exports as varchar), ' exports of ', coalesce(d.user_name, d.user_id), ' in a day; the log shows ',
        cast(c.exports_before as varchar), ' on the ', cast(c.days_before as varchar), ' days before'
    ) as varchar) as finding,
    cast(d.user_id as varchar) as user_id,
    cast(d.user_name as varchar) as user_name,
    cast(null as varchar) as target_user_id,
    cast(null as varchar) as target_user_name,
    cast(d.event_ids as varchar) as evidence_event_ids,
    cast(d.exports as bigint) as evidence_count,
    cast(d.started_at as timestamptz) as started_at,
    cast(d.ended_at as timestamptz) as ended_at
from days as d
inner join compared as c on d.user_id = c.user_id and d.event_day = c.event_day
inner join finding_rules as r on r.rule = 'export_spike'
where d.exports >= r.threshold and c.days_before > 0
    and d.exports * c.days_before >= c.exports_before * r.factor
