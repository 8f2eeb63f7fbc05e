-- The category of each prefix, for codes that the catalogue does not list.
-- grain: one row per prefix of event codes
-- key: prefix
-- inputs: stg_event_types
select
    prefix,
    cast(min(event_category) as varchar) as event_category
from stg_event_types
group by prefix
