-- Far more exports of a user in a day than on the days before that the log covers.
-- inputs: fct_model_changes, agg_daily_users, finding_rules
with

exports as (
    select user_id, user_name, user_label, event_day, event_id, occurred_at
    from fct_model_changes
    where kind = 'export' and user_id is not null and coalesce(success, true)
),

days as (
    select user_id, event_day, count(*) as exports
    from exports
    group by user_id, event_day
),

log as (
    select min(event_day) as first_day from agg_daily_users
),

-- The exports of a day count from the day after it until `days` days after it. Summed up, they are those of the days
-- before: a join of the days of a user with each other would cost their square.
steps as (
    select
        d.user_id, d.event_day, date_diff('day', cast('1970-01-01' as date), d.event_day) as day_number,
        1 as is_day, d.exports, 0 as change
    from days as d
    union all
    select
        d.user_id, d.event_day, date_diff('day', cast('1970-01-01' as date), d.event_day) + 1 as day_number,
        0 as is_day, d.exports, d.exports as change
    from days as d
    union all
    select
        d.user_id, d.event_day, date_diff('day', cast('1970-01-01' as date), d.event_day) + r.days + 1 as day_number,
        0 as is_day, d.exports, -d.exports as change
    from days as d
    inner join finding_rules as r on r.rule = 'export_spike'
),

summed as (
    select
        s.user_id, s.event_day, s.is_day, s.exports,
        sum(s.change) over (
            partition by s.user_id order by s.day_number nulls first, s.is_day nulls first
            rows between unbounded preceding and current row
        ) as exports_before
    from steps as s
),

compared as (
    select
        d.user_id,
        d.event_day,
        r.rule,
        r.severity,
        r.factor,
        d.exports,
        case
            when date_diff('day', log.first_day, d.event_day) < r.days then date_diff('day', log.first_day, d.event_day)
            else r.days
        end as days_before,
        d.exports_before
    from summed as d
    cross join log
    inner join finding_rules as r on r.rule = 'export_spike' and d.exports >= r.threshold
    where d.is_day = 1
),

evidence as (
    select
        c.user_id, c.event_day, c.rule, c.severity, c.exports, c.days_before, c.exports_before,
        e.user_name, e.user_label, e.event_id, e.occurred_at,
        row_number() over (partition by c.user_id, c.event_day order by e.occurred_at, e.event_id) as number
    from compared as c
    inner join exports as e on c.user_id = e.user_id and c.event_day = e.event_day
    where c.days_before > 0 and c.exports * c.days_before >= c.exports_before * c.factor
)

select
    cast(concat(max(rule), ':', cast(min(event_id) as varchar)) as varchar) as finding_id,
    cast(max(rule) as varchar) as rule,
    cast(max(severity) as varchar) as severity,
    cast(concat(
        cast(max(exports) as varchar), ' exports of ', max(user_label),
        ' in a day; the log shows ', cast(max(exports_before) as varchar),
        ' on the ', cast(max(days_before) as varchar), ' days before'
    ) as varchar) as finding,
    user_id,
    cast(max(user_name) as varchar) as user_name,
    cast(max(user_label) as varchar) as user_label,
    cast(null as varchar) as target_user_id,
    cast(null as varchar) as target_user_name,
    cast(null as varchar) as target_user_label,
    cast(string_agg(
        case when number <= 20 then cast(event_id as varchar) end, ',' order by event_id nulls first
    ) as varchar) as evidence_event_ids,
    cast(count(*) as bigint) as evidence_count,
    cast(min(occurred_at) as timestamptz) as started_at,
    cast(max(occurred_at) as timestamptz) as ended_at
from evidence
group by user_id, event_day
