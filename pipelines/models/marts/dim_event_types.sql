-- grain: one row per event code, of Anaplan's catalogue or seen in events
-- key: event_type_id
-- inputs: stg_event_types, int_event_categories, event_ids
with

codes as (
    select event_type_id from stg_event_types
    union
    select id as event_type_id from event_ids
    where kind = 'code'
)

select
    codes.event_type_id,
    listed.catalogue_id,
    cast(coalesce(listed.event_category, categories.event_category, 'unknown') as varchar) as event_category,
    listed.event_message,
    listed.object_kind,
    cast(listed.event_type_id is not null as boolean) as is_listed
from codes
left join stg_event_types as listed on codes.event_type_id = listed.event_type_id
-- A code that is in no list belongs to the category of its prefix.
left join int_event_categories as categories
    on substring(codes.event_type_id, 1, strpos(codes.event_type_id, '-')) = categories.prefix
