-- Which user may enter which workspace, period by period.
-- grain: one row per user, workspace, type and period, as dlt stored it
-- key: user_id, workspace_id, entitlement_type, valid_from, row_version
-- inputs: user_entitlements
select
    cast(case
        when lower(e.user_id) like 'internal%' then upper(e.user_id)
        when translate(lower(e.user_id), '123456789abcdef', '000000000000000')
            = '00000000000000000000000000000000'
            then lower(e.user_id)
        else e.user_id
    end as varchar) as user_id,
    cast(case
        when translate(lower(e.workspace_id), '123456789abcdef', '000000000000000')
            = '00000000000000000000000000000000'
            then lower(e.workspace_id)
        else e.workspace_id
    end as varchar) as workspace_id,
    e.row_version,
    cast(coalesce(e.entitlement_type, 'WORKSPACE') as varchar) as entitlement_type,
    e.workspace_name,
    e._dlt_valid_from as valid_from,
    e._dlt_valid_to as valid_to
from user_entitlements as e
