-- Each raw event is in fct_events, once: a day on which the two differ in number is wrong.
-- inputs: events, fct_events
with

raw as (
    select event_day, count(*) as raw_events from events group by event_day
),

facts as (
    select event_day, count(*) as facts from fct_events group by event_day
)

select
    coalesce(raw.event_day, facts.event_day) as event_day,
    coalesce(raw.raw_events, 0) as raw_events,
    coalesce(facts.facts, 0) as facts
from raw
full outer join facts on raw.event_day = facts.event_day
where coalesce(raw.raw_events, 0) <> coalesce(facts.facts, 0)
