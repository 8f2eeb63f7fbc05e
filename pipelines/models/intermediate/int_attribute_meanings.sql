-- What the attributes of an event hold, where it depends on the code of the event.
-- grain: one row per event code
-- key: event_type_id
-- inputs: attribute_meanings
select
    event_type_id,
    cast(max(case when attribute = 'name' then meaning end) as varchar) as name_meaning,
    cast(max(case when attribute = 'object_id' then meaning end) as varchar) as object_id_meaning,
    cast(max(case when attribute = 'action_id' then meaning end) as varchar) as action_id_meaning
from attribute_meanings
group by event_type_id
