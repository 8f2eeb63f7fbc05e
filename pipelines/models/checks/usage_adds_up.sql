-- The events of agg_daily_usage are those of fct_events, day by day.
-- day: event_day
-- inputs: agg_daily_usage, fct_events
with

counted as (
    select event_day, sum(event_count) as events
    from agg_daily_usage
    group by event_day
),

facts as (
    select event_day, count(*) as events
    from fct_events
    group by event_day
)

select
    coalesce(counted.event_day, facts.event_day) as event_day,
    counted.events as counted_events,
    facts.events as facts
from counted
full outer join facts on counted.event_day = facts.event_day
where coalesce(counted.events, 0) <> coalesce(facts.events, 0)
