-- When users were created, and how many workspaces they may enter now. Users whom the SCIM service never listed are not
-- in it: their entitlements are unknown, not empty.
-- grain: one row per user of the SCIM service
-- key: user_id
-- inputs: stg_scim_users, stg_user_entitlements
with

entitled as (
    select
        user_id,
        count(distinct workspace_id) as workspace_count
    from stg_user_entitlements
    where valid_to is null
    group by user_id
)

select
    s.user_id,
    s.created_at,
    cast(coalesce(e.workspace_count, 0) as bigint) as workspace_count
from stg_scim_users as s
left join entitled as e on s.user_id = e.user_id
