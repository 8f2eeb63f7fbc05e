-- Users that events name, as actor, as target or as object, or that have an entitlement, but that no list holds.
-- grain: one row per user
-- key: user_id
-- inputs: event_ids, stg_user_entitlements, int_directory_ids
with

referenced_users as (
    select id as user_id from event_ids
    where kind = 'user'
    union
    select user_id from stg_user_entitlements
)

select r.user_id
from referenced_users as r
left join int_directory_ids as known on r.user_id = known.directory_id
where r.user_id is not null and known.directory_id is null
