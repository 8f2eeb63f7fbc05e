-- grain: one row per kind and id that events name
-- key: kind, id
-- inputs: stg_event_ids, stg_event_types
with

named as (
    select
        case
            when r.place in ('actor', 'target') then 'user'
            when r.place in ('model', 'workspace', 'code') then r.place
            -- The object of an encryption event can be a key or a domain too.
            when c.object_kind = 'user' and (c.event_category <> 'encryption' or length(r.referenced_id) = 32)
                then 'user'
            when c.object_kind = 'model' then 'model'
            -- Where the catalogue expects a process, events carry the model.
            when c.object_kind = 'process' and length(r.referenced_id) = 32 then 'model'
            when c.object_kind = 'workspace' and length(r.referenced_id) = 32 then 'workspace'
        end as kind,
        r.referenced_id as id,
        r.first_day,
        r.last_day
    from stg_event_ids as r
    left join stg_event_types as c on r.event_type_id = c.event_type_id
)

select
    cast(kind as varchar) as kind,
    cast(id as varchar) as id,
    cast(min(first_day) as date) as first_day,
    cast(max(last_day) as date) as last_day
from named
where kind is not null
group by kind, id
