-- A day holds at least the raw events that its windows brought. Missing ones were lost in the warehouse: load --since
-- fetches them again. Only events dated within their window count, because others are stored under another day.
-- Rows of older releases count an event at the very end of a window twice, which is tolerated.
-- day: window_day
-- inputs: events, event_windows
with

counted as (
    select
        window_day,
        max(brought) as brought
    from (
        select
            window_day,
            sum(coalesce(inside_events, distinct_events)) as brought
        from event_windows
        where status <> 'purged'
        group by window_day, case when event_type = 'all' then 'all' else 'some' end
    ) as by_kind
    group by window_day
),

at_an_edge as (
    select
        edges.window_day,
        count(*) as events
    from (select distinct window_day, window_end from event_windows) as edges
    inner join events on edges.window_end = events.event_date
    group by edges.window_day
),

raw as (
    select event_day, count(*) as events
    from events
    group by event_day
)

select
    counted.window_day,
    counted.brought,
    coalesce(raw.events, 0) as raw_events
from counted
left join raw on counted.window_day = raw.event_day
left join at_an_edge on counted.window_day = at_an_edge.window_day
where counted.brought > coalesce(raw.events, 0) + coalesce(at_an_edge.events, 0)
