-- Each raw event is in fct_events, once and with its present content: days with another number or digest are wrong.
-- day: event_day
-- inputs: events, fct_events
with

raw as (
    select
        event_day,
        count(*) as raw_events,
        sum(coalesce(length(message), 0)) as letters,
        concat(coalesce(min(checksum), ''), ' ', coalesce(max(checksum), '')) as checksums
    from events
    group by event_day
),

facts as (
    select
        event_day,
        count(*) as facts,
        sum(coalesce(length(message), 0)) as letters,
        concat(coalesce(min(checksum), ''), ' ', coalesce(max(checksum), '')) as checksums
    from fct_events
    group by event_day
)

select
    coalesce(raw.event_day, facts.event_day) as event_day,
    coalesce(raw.raw_events, 0) as raw_events,
    coalesce(facts.facts, 0) as facts
from raw
full outer join facts on raw.event_day = facts.event_day
where coalesce(raw.raw_events, 0) <> coalesce(facts.facts, 0)
    or coalesce(raw.letters, 0) <> coalesce(facts.letters, 0)
    or coalesce(raw.checksums, '') <> coalesce(facts.checksums, '')
