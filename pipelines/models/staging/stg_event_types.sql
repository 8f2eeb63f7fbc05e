-- Anaplan's catalogue of event codes. It may list a code twice, with and without leading zeros.
-- grain: one row per event code
-- key: event_type_id
-- inputs: event_types
select
    event_type_code as event_type_id,
    cast(min(event_type_id) as varchar) as catalogue_id,
    cast(min(substring(event_type_code, 1, strpos(event_type_code, '-'))) as varchar) as prefix,
    cast(min(category) as varchar) as event_category,
    cast(min(event_message) as varchar) as event_message,
    cast(min(object_kind) as varchar) as object_kind
from event_types
group by event_type_code
