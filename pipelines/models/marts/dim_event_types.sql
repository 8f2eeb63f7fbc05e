-- grain: one row per event code, of Anaplan's catalogue or seen in events
-- key: event_type_id
-- inputs: event_types, events
with

catalogue as (
    select
        event_type_code,
        min(event_type_id) as catalogue_id,
        min(category) as category,
        min(event_message) as event_message,
        min(object_kind) as object_kind
    from event_types
    group by event_type_code
),

-- A code that is in no list belongs to the category of its prefix.
categories as (
    select
        substring(event_type_code, 1, strpos(event_type_code, '-')) as prefix,
        min(category) as category
    from event_types
    group by substring(event_type_code, 1, strpos(event_type_code, '-'))
),

codes as (
    select event_type_code from catalogue
    union
    select event_type_code from events where event_type_code is not null
)

select
    cast(codes.event_type_code as varchar) as event_type_id,
    cast(catalogue.catalogue_id as varchar) as catalogue_id,
    cast(coalesce(catalogue.category, categories.category, 'unknown') as varchar) as event_category,
    cast(catalogue.event_message as varchar) as event_message,
    cast(catalogue.object_kind as varchar) as object_kind,
    cast(catalogue.event_type_code is not null as boolean) as is_listed
from codes
left join catalogue on codes.event_type_code = catalogue.event_type_code
left join categories
    on substring(codes.event_type_code, 1, strpos(codes.event_type_code, '-')) = categories.prefix
