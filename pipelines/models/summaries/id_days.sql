-- A changed name is looked for between these days only, not in the whole log.
-- grain: one row per id of a user, workspace, model or other object in `fct_events`
-- key: id
-- inputs: fct_events
with

named as (
    select
        user_id as id, min(event_day) as first_day, max(event_day) as last_day
    from fct_events
    group by user_id
    union all
    select
        target_user_id as id, min(event_day) as first_day, max(event_day) as last_day
    from fct_events
    group by target_user_id
    union all
    select
        workspace_id as id, min(event_day) as first_day, max(event_day) as last_day
    from fct_events
    group by workspace_id
    union all
    select
        model_id as id, min(event_day) as first_day, max(event_day) as last_day
    from fct_events
    group by model_id
    union all
    select
        object_id as id, min(event_day) as first_day, max(event_day) as last_day
    from fct_events
    group by object_id
)

select
    cast(id as varchar) as id,
    cast(min(first_day) as date) as first_day,
    cast(max(last_day) as date) as last_day
from named
where id is not null
group by id
