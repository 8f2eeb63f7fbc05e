-- A day for which Anaplan returned events has facts.
-- day: window_day
-- inputs: event_windows, fct_events
with

facts as (
    select distinct event_day from fct_events
)

select
    event_windows.window_day,
    event_windows.event_type,
    event_windows.distinct_events
from event_windows
left join facts on event_windows.window_day = facts.event_day
where event_windows.distinct_events > 0 and event_windows.status <> 'purged' and facts.event_day is null
