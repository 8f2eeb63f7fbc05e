-- Users that events name, as actor, as target or as object, or that have an entitlement, but that no list holds.
-- grain: one row per user
-- key: user_id
-- inputs: stg_events, stg_user_entitlements, stg_event_types, int_directory_ids
with

referenced_users as (
    select user_id from stg_events
    union
    select user_id from stg_user_entitlements
    union
    select target_user_id as user_id from stg_events
    union
    select e.object_id as user_id
    from stg_events as e
    inner join stg_event_types as c
        on e.event_type_id = c.event_type_id
        and c.object_kind = 'user'
        -- The object of an encryption event can be a key or a domain too.
        and (c.event_category <> 'encryption' or length(e.object_id) = 32)
)

select r.user_id
from referenced_users as r
left join int_directory_ids as known on r.user_id = known.directory_id
where r.user_id is not null and known.directory_id is null
