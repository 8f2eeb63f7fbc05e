-- Names that events of a day give an app or page, for events that give only its id.
-- grain: one row per day and app or page that an event names
-- key: event_day, kind, id
-- inputs: stg_events
with

named as (
    select
        event_day,
        cast('app' as varchar) as kind,
        app_id as id,
        app_name as name
    from stg_events
    where app_id is not null and app_name is not null
    union all
    select
        event_day,
        cast('page' as varchar) as kind,
        page_id as id,
        page_name as name
    from stg_events
    where page_id is not null and page_name is not null
),

counted as (
    select
        event_day,
        kind,
        id,
        name,
        count(*) as name_count
    from named
    group by event_day, kind, id, name
),

ranked as (
    select
        event_day,
        kind,
        id,
        name,
        row_number() over (partition by event_day, kind, id order by name_count desc, name) as name_rank
    from counted
)

select
    event_day,
    kind,
    id,
    name
from ranked
where name_rank = 1
