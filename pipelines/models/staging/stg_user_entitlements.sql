-- Workspaces that users may enter, version by version.
-- grain: one row per version of an entitlement, as dlt stored it
-- key: user_id, workspace_id, entitlement_type, valid_from
-- inputs: user_entitlements
select
    cast(case
        when translate(lower(u.user_id), '123456789abcdef', '000000000000000')
            = '00000000000000000000000000000000'
            then lower(u.user_id)
        else u.user_id
    end as varchar) as user_id,
    cast(case
        when translate(lower(u.workspace_id), '123456789abcdef', '000000000000000')
            = '00000000000000000000000000000000'
            then lower(u.workspace_id)
        else u.workspace_id
    end as varchar) as workspace_id,
    u.entitlement_type,
    u._dlt_valid_from as valid_from,
    u._dlt_valid_to as valid_to
from user_entitlements as u
