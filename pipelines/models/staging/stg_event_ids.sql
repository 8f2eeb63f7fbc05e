-- Ids and codes that events name, and in which place: as actor, target, object, model, workspace or code. Only
-- objects have the code of their events, which tells what they are. Ids are folded as in `stg_events`, but after equal
-- ones were removed.
-- grain: one row per place, event code (of objects only) and id as sent
-- key: place, event_type_id, sent_id
-- inputs: events
with

-- `min` returns the id itself. Without it, engines move filters on folded ids below `group by` and fold every event.
sent as (
    select
        cast('actor' as varchar) as place, cast(null as varchar) as event_type_id,
        cast(min(e.user_id) as varchar) as sent_id,
        min(e.event_day) as first_day, max(e.event_day) as last_day
    from events as e
    group by e.user_id
    union all
    select
        cast('target' as varchar) as place, cast(null as varchar) as event_type_id,
        cast(min(e.additional_attributes__target_user_id) as varchar) as sent_id,
        min(e.event_day) as first_day, max(e.event_day) as last_day
    from events as e
    group by e.additional_attributes__target_user_id
    union all
    select
        cast('model' as varchar) as place, cast(null as varchar) as event_type_id,
        cast(min(e.additional_attributes__model_id) as varchar) as sent_id,
        min(e.event_day) as first_day, max(e.event_day) as last_day
    from events as e
    group by e.additional_attributes__model_id
    union all
    select
        cast('workspace' as varchar) as place, cast(null as varchar) as event_type_id,
        cast(min(e.additional_attributes__workspace_id) as varchar) as sent_id,
        min(e.event_day) as first_day, max(e.event_day) as last_day
    from events as e
    group by e.additional_attributes__workspace_id
    union all
    select
        cast('object' as varchar) as place, e.event_type_code as event_type_id,
        cast(min(coalesce(e.object_id, e.additional_attributes__object_id)) as varchar) as sent_id,
        min(e.event_day) as first_day, max(e.event_day) as last_day
    from events as e
    group by e.event_type_code, coalesce(e.object_id, e.additional_attributes__object_id)
    union all
    select
        cast('code' as varchar) as place, cast(null as varchar) as event_type_id,
        cast(min(e.event_type_code) as varchar) as sent_id,
        min(e.event_day) as first_day, max(e.event_day) as last_day
    from events as e
    group by e.event_type_code
)

select
    s.place,
    s.event_type_id,
    s.sent_id,
    cast(case
        when s.place not in ('model', 'workspace', 'code') and lower(s.sent_id) like 'internal%' then upper(s.sent_id)
        when translate(lower(s.sent_id), '123456789abcdef', '000000000000000')
            = '00000000000000000000000000000000'
            then lower(s.sent_id)
        when s.place = 'object' and translate(lower(s.sent_id), '123456789abcdef', '000000000000000') in (
            '00000000000000000000000000000000/00000000000000000000000000000000',
            'null/00000000000000000000000000000000',
            '00000000000000000000000000000000/null'
        )
            then lower(s.sent_id)
        else s.sent_id
    end as varchar) as referenced_id,
    cast(s.first_day as date) as first_day,
    cast(s.last_day as date) as last_day
from sent as s
where s.sent_id is not null
