-- Users that events name, as actor, as target or as object, or that have an entitlement, but that no list holds.
-- grain: one row per user
-- key: user_id
-- inputs: stg_event_ids, stg_event_types, stg_user_entitlements, int_directory_ids
with

referenced_users as (
    select r.referenced_id as user_id
    from stg_event_ids as r
    left join stg_event_types as c on r.event_type_id = c.event_type_id
    where r.place in ('actor', 'target', 'object')
        and (
            r.place in ('actor', 'target')
            or c.object_kind = 'user'
            -- The object of an encryption event can be a key or a domain too.
            and (c.event_category <> 'encryption' or length(r.referenced_id) = 32)
        )
    union
    select user_id from stg_user_entitlements
)

select r.user_id
from referenced_users as r
left join int_directory_ids as known on r.user_id = known.directory_id
where r.user_id is not null and known.directory_id is null
